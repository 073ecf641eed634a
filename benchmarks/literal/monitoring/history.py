"""What a page of the mission's would ask for: sums and a curve, as the ORM offers them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max, Min
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response

from literal.monitoring.models import EnergyReading

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def consumption(request: Request, device_id: int) -> Response:
    """Return kWh by hour or day: the counter's greatest value less its least, one query each."""
    length = LENGTHS[request.query_params["by"]]
    start, end = _span(request)
    rows = []
    while start < end:
        readings = _readings(device_id, start, min(start + length, end))
        found = readings.aggregate(first=Min("energy"), last=Max("energy"))
        used = 0 if found["first"] is None else found["last"] - found["first"]
        rows.append({"start": start, "consumption": used})
        start += length
    return Response(rows)


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def series(request: Request, device_id: int) -> Response:
    """Return at most so many readings of a span, evenly picked."""
    found = _readings(device_id, *_span(request)).order_by("timestamp")
    step = max(1, found.count() // int(request.query_params["points"]))
    rows = found.values_list("timestamp", "power")[::step]
    return Response([{"timestamp": at, "power": power} for at, power in rows])


def _span(request: Request) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(request.query_params[name]) for name in ("start", "end"))
    return start, end


def _readings(device_id: int, start: datetime, end: datetime) -> QuerySet[EnergyReading]:
    return EnergyReading.objects.filter(
        device_id=device_id, timestamp__gte=start, timestamp__lt=end
    )
