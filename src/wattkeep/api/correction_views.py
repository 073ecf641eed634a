"""Requests that set figures right: corrections, and another meter or board for a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from wattkeep.api import payloads
from wattkeep.api.access import OwnView, device_or_404, devices_of, site_or_404
from wattkeep.api.audited import note_correction, note_swap
from wattkeep.api.figure_serializers import CorrectionSerializer
from wattkeep.api.figures import correction_row
from wattkeep.api.parameters import END, LIST_START
from wattkeep.api.serializers import (
    ErrorSerializer,
    NewCorrectionSerializer,
    NewDeviceSerializer,
    SwapSerializer,
)
from wattkeep.api.spans import parse_time, read_span
from wattkeep.ledger.corrections import CorrectionError, Wish, set_correction, undo_correction
from wattkeep.ledger.swap import Change, SwapError, swap_hardware
from wattkeep.monitoring.models import Correction, Role

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from rest_framework.request import Request

MOST_CORRECTIONS = 1_000


class DeviceCorrectionsView(OwnView):
    """People's words on what a device used."""

    @extend_schema(
        parameters=[LIST_START, END],
        responses={200: CorrectionSerializer(many=True), 400: ErrorSerializer},
    )
    def get(self, request: Request, device_id: int) -> Response:
        """List them, newest interval first, those undone too."""
        device = device_or_404(request, device_id)
        rows = Correction.objects.filter(device_id=device.pk)
        return Response(_list_rows(request, rows, device.site.zone))

    @extend_schema(
        request=NewCorrectionSerializer,
        responses={201: CorrectionSerializer, 400: ErrorSerializer},
    )
    def post(self, request: Request, device_id: int) -> Response:
        """Say what an interval used, or leave it out of every sum; the readings stay."""
        device = device_or_404(request, device_id, Role.EDITOR)
        serializer = NewCorrectionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        kwh: float | None = asked["consumption"]
        wish = Wish(
            parse_time(asked["start"], "start", device.site.zone),
            parse_time(asked["end"], "end", device.site.zone),
            None if kwh is None else kwh * 1000,
            asked["reason"],
        )
        user: User = request.user  # type: ignore[assignment]
        try:
            correction = set_correction(device, wish, user, timezone.now())
        except CorrectionError as error:
            raise ValidationError({"error": [str(error)]}) from error
        note_correction(request, device, correction, "set")
        return Response(correction_row(correction), status=status.HTTP_201_CREATED)


class DeviceCorrectionView(OwnView):
    """One correction."""

    @extend_schema(responses={200: CorrectionSerializer})
    def delete(self, request: Request, device_id: int, correction_id: int) -> Response:
        """Undo it: the figure is what it was before. The row stays and says who did."""
        device = device_or_404(request, device_id, Role.EDITOR)
        rows = Correction.objects.filter(device_id=device.pk, pk=correction_id)
        correction = rows.select_related("author", "undone_by").first()
        if correction is None:
            raise Http404
        user: User = request.user  # type: ignore[assignment]
        undo_correction(correction, user, timezone.now())
        note_correction(request, device, correction, "undone")
        return Response(correction_row(correction))


class SiteCorrectionsView(OwnView):
    """People's words on what a site's devices used."""

    @extend_schema(
        parameters=[LIST_START, END],
        responses={200: CorrectionSerializer(many=True), 400: ErrorSerializer},
    )
    def get(self, request: Request, site_id: int) -> Response:
        """List them, newest interval first, those undone too."""
        site = site_or_404(request, site_id)
        rows = Correction.objects.filter(device__in=devices_of(request).filter(site=site))
        return Response(_list_rows(request, rows, site.zone))


class DeviceSwapView(OwnView):
    """Another meter or board for a device."""

    # The answer is a key.
    admin_methods = frozenset({"POST"})

    @extend_schema(
        request=SwapSerializer, responses={201: NewDeviceSerializer, 400: ErrorSerializer}
    )
    def post(self, request: Request, device_id: int) -> Response:
        """Note the change and return the new key, shown this once; the history goes on."""
        device = device_or_404(request, device_id, Role.EDITOR)
        serializer = SwapSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        now = timezone.now()
        at = parse_time(asked["at"], "at", device.site.zone) if "at" in asked else now
        closing_wh, opening_wh = _in_wh(asked["closing"]), _in_wh(asked["opening"])
        change = Change(at, closing_wh, opening_wh, asked["is_new_meter"], asked["note"])
        try:
            key = swap_hardware(device, change, now)
        except SwapError as error:
            raise ValidationError({"error": [str(error)]}) from error
        note_swap(request, device, is_new_meter=change.is_new_meter)
        row = payloads.device_rows([device], now)[0]
        return Response({**row, "api_key": key}, status=status.HTTP_201_CREATED)


def _in_wh(kwh: float | None) -> float | None:
    return None if kwh is None else round(kwh * 1000, 3)


def _list_rows(
    request: Request, corrections: QuerySet[Correction], zone: ZoneInfo
) -> list[dict[str, Any]]:
    if {"start", "end"} & set(request.query_params):
        span = read_span(request, zone, timezone.now())
        corrections = corrections.filter(start__lt=span.end, end__gt=span.start)
    newest = corrections.select_related("author", "undone_by").order_by("-start", "-id")
    return [correction_row(correction) for correction in newest[:MOST_CORRECTIONS]]
