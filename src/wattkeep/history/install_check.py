"""Gathers what the check of an installation looks at: a device's last day, and its sub-meters'."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from wattkeep.domain.install_check import Meter, check_installation
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import slot_start
from wattkeep.history.consumption import used_between
from wattkeep.ledger.readings import COLUMNS, readings_between

if TYPE_CHECKING:
    from datetime import datetime

    from wattkeep.domain.install_check import Check
    from wattkeep.monitoring.models import Device

LOOKED_AT = timedelta(days=1)


def check_device(device: Device, now: datetime) -> list[Check]:
    """Return what the last day says about a device's wiring and setup.

    Raises:
        BlockError: a sealed day cannot be read.
    """
    end_ms = slot_start(to_ms(now))
    start_ms = to_ms(from_ms(end_ms) - LOOKED_AT)
    readings = readings_between(device.pk, start_ms, to_ms(now) + 1, COLUMNS)
    children = list(device.children.select_related("site").order_by("pk"))
    # What a parent counts and a sub-meter counts is compared over the same quarter-hours.
    used = used_between([device, *children], [from_ms(start_ms), from_ms(end_ms)])
    meter = Meter(device.range_w, device.interval_s, device.has_counter)
    return check_installation(
        readings,
        meter,
        [used[child.pk][0].total_mwh / 1000 for child in children],
        used[device.pk][0].total_mwh / 1000,
    )
