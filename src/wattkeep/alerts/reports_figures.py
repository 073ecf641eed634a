"""Where a report's figures come from: the one place to change when they move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Min, Sum

from wattkeep.history.consumption import to_kwh, used_between
from wattkeep.monitoring.models import EnergySlot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wattkeep.monitoring.models import Device


def used_kwh(devices: Sequence[Device], edges: Sequence[datetime]) -> dict[int, list[float]]:
    """Return device id → kWh between neighbouring edges."""
    return {
        device_id: [to_kwh(energy.total_mwh) for energy in used]
        for device_id, used in used_between(devices, edges).items()
    }


def coverage(devices: Sequence[Device], start: datetime, end: datetime) -> dict[int, float]:
    """Return device id → share of the expected readings that are there, from 0 to 1.

    A device that began inside the span is expected from then on; one without a reading is left
    out.
    """
    ids = [device.pk for device in devices]
    slots = EnergySlot.objects.filter(device_id__in=ids, samples__gt=0).order_by()
    counted = (
        slots.filter(start__gte=start, start__lt=end)
        .values_list("device_id")
        .annotate(Sum("samples"), Min("start"))
    )
    older = set(slots.filter(start__lt=start).values_list("device_id", flat=True).distinct())
    interval_s = {device.pk: device.interval_s for device in devices}
    shares = {}
    for pk, count, first in counted:
        since = start if pk in older else first
        expected = (end - since).total_seconds() / interval_s[pk]
        shares[pk] = min(count / max(expected, 1), 1.0)
    return shares
