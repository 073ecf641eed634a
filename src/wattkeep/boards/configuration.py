"""What a board is told to be: its interval, its display, its meters; and that it has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from wattkeep.monitoring.models import BoardSetup, Device, KeyChange

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the firmware accepts.
MOST_INTERVAL_S = 3600
# A device is one metering point; its board may have others on the same wire.
MOST_METERS = 1
ADDRESSES = range(1, 0xF9)
MOST_A_STATEMENT = 500


@dataclass(frozen=True, slots=True)
class Setup:
    """A board's settings beside its interval; None and () leave it to the board's own file."""

    display: bool | None = None
    contrast: int | None = None
    meters: tuple[int, ...] = ()


def setup_of(device_id: int) -> Setup:
    """Return what a device's board is told."""
    row = BoardSetup.objects.filter(pk=device_id).first()
    return Setup(row.display, row.contrast, tuple(row.meters)) if row else Setup()


def change_setup(device_id: int, setup: Setup) -> bool:
    """Store what a device's board is told from now on; tell whether that is anything new."""
    with transaction.atomic():
        # Locked: of two changes at once the later one stands, whole.
        Device.objects.select_for_update().get(pk=device_id)
        if setup_of(device_id) == setup:
            return False
        BoardSetup.objects.update_or_create(
            device_id=device_id,
            defaults={
                "display": setup.display,
                "contrast": setup.contrast,
                "meters": list(setup.meters),
            },
        )
        count_change([device_id])
    return True


def configuration_for(device: Device) -> dict[str, Any]:
    """Return what a board is told, as it travels; what nobody set stays out."""
    setup = setup_of(device.pk)
    told: dict[str, Any] = {"interval_s": min(device.interval_s, MOST_INTERVAL_S)}
    if setup.display is not None:
        told["display"] = int(setup.display)
    if setup.contrast is not None:
        told["contrast"] = setup.contrast
    if setup.meters:
        told["meters"] = list(setup.meters)
    return told


def count_change(device_ids: Iterable[int]) -> None:
    """Raise the configuration's number of these devices: their boards will ask for news."""
    ids = list(device_ids)
    with transaction.atomic():
        for start in range(0, len(ids), MOST_A_STATEMENT):
            group = ids[start : start + MOST_A_STATEMENT]
            Device.objects.filter(pk__in=group).update(config_version=F("config_version") + 1)
        if ids:
            KeyChange.note()
