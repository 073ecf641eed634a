"""What a device's meter is like may be set right later: then its slots are made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from wattkeep.domain.slots import SLOT_MS
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.stored import first_slot_ms
from wattkeep.monitoring.models import Device

if TYPE_CHECKING:
    from collections.abc import Callable

JUDGED_BY = ("range_w", "has_counter")


def change_device(device_id: int, save: Callable[[], object]) -> None:
    """Call `save`, which changes a device, and have its slots made again if they depend on it."""
    with transaction.atomic():
        devices = Device.objects.filter(pk=device_id).values_list(*JUDGED_BY)
        before = devices.first()
        save()
        if devices.first() != before and (first_ms := first_slot_ms(device_id)) is not None:
            # From before the first one on: else a device with one slot counts as steady.
            leave_mark(device_id, first_ms - SLOT_MS)
