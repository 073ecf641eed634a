"""Requests for what devices and sites used and measured."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from wattkeep.api import figures
from wattkeep.api.access import OwnView, device_or_404, devices_of, site_or_404
from wattkeep.api.figure_serializers import (
    ConsumptionSerializer,
    EventSerializer,
    SeriesSerializer,
    SiteConsumptionSerializer,
    SiteSeriesSerializer,
    WhySerializer,
)
from wattkeep.api.parameters import AT, BY, END, KIND, METRIC, POINTS, START
from wattkeep.api.rendering import FastJSONRenderer
from wattkeep.api.serializers import ErrorSerializer
from wattkeep.api.spans import read_choice, read_count, read_span, read_time
from wattkeep.domain.calendar import By
from wattkeep.history.consumption import consumption
from wattkeep.history.series import MOST_POINTS, UNITS, series
from wattkeep.history.why import why
from wattkeep.monitoring.models import MeterEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

    from wattkeep.api.spans import Span
    from wattkeep.monitoring.models import Device

MOST_ROWS = 10_000
MOST_EVENTS = 1_000
POINTS_ASKED = 500
SHORTEST = {
    By.QUARTER: timedelta(minutes=15),
    By.HOUR: timedelta(hours=1),
    By.DAY: timedelta(days=1),
    By.WEEK: timedelta(days=7),
    By.MONTH: timedelta(days=28),
    By.YEAR: timedelta(days=365),
}


class FigureView(OwnView):
    """An answer that may have thousands of rows."""

    renderer_classes = (FastJSONRenderer,)


class DeviceConsumptionView(FigureView):
    """What a device used."""

    @extend_schema(
        parameters=[START, END, BY], responses={200: ConsumptionSerializer, 400: ErrorSerializer}
    )
    def get(self, request: Request, device_id: int) -> Response:
        """Return kWh by quarter-hour, hour, day, week, month or year of the site's clock."""
        device = device_or_404(request, device_id)
        span = read_span(request, device.site.zone, timezone.now())
        by = _read_period(request, span, [device])
        found = consumption([device], span.start, span.end, by, device.site.zone)
        return Response(figures.consumption_body(device, by, found))


class SiteConsumptionView(FigureView):
    """What a site used."""

    @extend_schema(
        parameters=[START, END, BY],
        responses={200: SiteConsumptionSerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request, site_id: int) -> Response:
        """Return kWh of all devices that are behind no other, and of each device."""
        site = site_or_404(request, site_id)
        devices = _devices_at(request, site_id)
        span = read_span(request, site.zone, timezone.now())
        by = _read_period(request, span, devices)
        found = consumption(devices, span.start, span.end, by, site.zone)
        return Response(figures.site_consumption_body(site, devices, by, found))


class DeviceSeriesView(FigureView):
    """A device's curve."""

    @extend_schema(
        parameters=[METRIC, START, END, POINTS],
        responses={200: SeriesSerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request, device_id: int) -> Response:
        """Return least, mean and greatest values in at most so many points."""
        device = device_or_404(request, device_id)
        span = read_span(request, device.site.zone, timezone.now())
        metric = read_choice(request, "metric", UNITS, "power")
        points = read_count(request, "points", POINTS_ASKED, MOST_POINTS)
        [found] = series([device], metric, span.start, span.end, points)
        return Response(figures.series_body(device, metric, span, found))


class SiteSeriesView(FigureView):
    """The curves of a site's devices."""

    @extend_schema(
        parameters=[METRIC, START, END, POINTS],
        responses={200: SiteSeriesSerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request, site_id: int) -> Response:
        """Return every device's curve in the same steps, and their power together."""
        site = site_or_404(request, site_id)
        devices = _devices_at(request, site_id)
        span = read_span(request, site.zone, timezone.now())
        metric = read_choice(request, "metric", UNITS, "power")
        most = max(1, MOST_POINTS // max(1, len(devices)))
        points = read_count(request, "points", min(POINTS_ASKED, most), most)
        found = series(devices, metric, span.start, span.end, points)
        return Response(figures.site_series_body(site, devices, metric, span, found))


class DeviceEventsView(FigureView):
    """What happened to a device's meter and board."""

    @extend_schema(
        parameters=[START, END, KIND],
        responses={200: EventSerializer(many=True), 400: ErrorSerializer},
    )
    def get(self, request: Request, device_id: int) -> Response:
        """Return what happened within a span, the newest first, a thousand at most."""
        device = device_or_404(request, device_id)
        span = read_span(request, device.site.zone, timezone.now())
        events = MeterEvent.objects.filter(
            device_id=device.pk, timestamp__lt=span.end, until__gte=span.start
        )
        if "kind" in request.query_params:
            events = events.filter(kind=read_choice(request, "kind", MeterEvent.Kind.values, ""))
        newest = events.order_by("-timestamp", "kind")[:MOST_EVENTS]
        return Response([figures.event_row(event) for event in newest])


class DeviceWhyView(FigureView):
    """Everything behind one figure."""

    @extend_schema(parameters=[AT], responses={200: WhySerializer, 400: ErrorSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return the readings, events and corrections of the quarter-hour that `at` lies in."""
        device = device_or_404(request, device_id)
        at = read_time(request, "at", device.site.zone)
        if at is None:
            raise ValidationError({"at": ["Write which quarter-hour, e.g. 2026-11-23T10:00:00Z."]})
        return Response(figures.why_body(device, why(device, at)))


def _devices_at(request: Request, site_id: int) -> list[Device]:
    return list(devices_of(request).filter(site_id=site_id).order_by("name", "id"))


def _read_period(request: Request, span: Span, devices: Sequence[Device]) -> By:
    """Return the request's `by`.

    Raises:
        ValidationError: it is no period, or there would be too many rows.
    """
    by = By(read_choice(request, "by", [one.value for one in By], By.DAY))
    rows = (int(span.length / SHORTEST[by]) + 1) * max(1, len(devices))
    if rows > MOST_ROWS:
        words = (
            f"That would be about {rows:,} rows, and {MOST_ROWS:,} is the most. "
            "Ask for longer periods or a shorter span."
        )
        raise ValidationError({"by": [words]})
    return by
