"""Deleting a device with all that was ever stored of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from wattkeep.monitoring.models import (
    Device,
    DeviceBoot,
    EnergyReading,
    EnergySlot,
    Export,
    ExportChunk,
    LedgerMark,
    LedgerState,
    MeterEvent,
    ReadingBlock,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import Manager, QuerySet

# Short transactions: boards go on posting while years are deleted.
ROWS_A_TRANSACTION = 5_000
BLOCKS_A_TRANSACTION = 50
# A few megabytes.
PIECES_A_TRANSACTION = 8
# The tables of a device's telemetry, each with the column its rows are ordered by.
TELEMETRY: tuple[tuple[Manager[Any], str, int], ...] = (
    (EnergyReading.objects, "timestamp", ROWS_A_TRANSACTION),
    (ReadingBlock.objects, "day", BLOCKS_A_TRANSACTION),
    (LedgerMark.objects, "start", ROWS_A_TRANSACTION),
    (EnergySlot.objects, "start", ROWS_A_TRANSACTION),
    (MeterEvent.objects, "timestamp", ROWS_A_TRANSACTION),
    (DeviceBoot.objects, "first_seen", ROWS_A_TRANSACTION),
)


class WrongNameError(ValueError):
    """What was typed is not the name of the device that is to be deleted."""


def delete_device(device: Device, typed_name: str) -> None:
    """Delete a device, its key, its readings and all figures made of them, for good.

    It refuses readings from the first moment. Killed in between, it can be done again.

    Raises:
        WrongNameError: `typed_name` is not the device's name; nothing was deleted.
    """
    if typed_name.strip() != device.name.strip():
        raise WrongNameError(
            _("Type the device's name as it is written, %(name)s, to delete it for good.")
            % {"name": repr(device.name)}
        )
    device_id = device.pk
    device.is_active = False
    device.save(update_fields=["is_active"])
    _delete_telemetry(device_id)
    # Files that it is in, also such as others ordered.
    delete_exports(Export.objects.filter(parts__device=device_id))
    device.delete()
    # Other processes learn within a second that the key is gone; what they took until then.
    _delete_telemetry(device_id)


def delete_exports(exports: QuerySet[Export]) -> int:
    """Delete ordered files, some pieces at a time; return how many files.

    Killed in between, those left are over, and go with the next that are.
    """
    ids = list(exports.values_list("pk", flat=True))
    # Whoever makes one adds nothing to it any more.
    Export.objects.filter(pk__in=ids).update(state=Export.State.FAILED, expires_at=timezone.now())
    for export_id in ids:
        delete_pieces(export_id)
    Export.objects.filter(pk__in=ids).delete()
    return len(ids)


def delete_pieces(export_id: int) -> None:
    """Delete the bytes of an ordered file to which nobody adds any more."""
    pieces = ExportChunk.objects.filter(export_id=export_id).order_by("number")
    while numbers := list(pieces.values_list("pk", flat=True)[:PIECES_A_TRANSACTION]):
        ExportChunk.objects.filter(pk__in=numbers).delete()


def sweep_telemetry() -> list[int]:
    """Delete what is stored of devices that no longer exist; return their numbers.

    A reading that was on its way while its device was deleted leaves such rows.
    """
    known = set(Device.objects.values_list("pk", flat=True))
    lost = {
        device_id
        for table in (*(table for table, *_rest in TELEMETRY), LedgerState.objects)
        for device_id in device_ids_of(table)
        if device_id not in known
    }
    for device_id in sorted(lost):
        # Made while we looked: not lost at all.
        if not Device.objects.filter(pk=device_id).exists():
            _delete_telemetry(device_id)
    return sorted(lost)


def _delete_telemetry(device_id: int) -> None:
    for table, column, count in TELEMETRY:
        _delete_bit_by_bit(table.filter(device_id=device_id), column, count)
    LedgerState.objects.filter(device_id=device_id).delete()


def _delete_bit_by_bit(rows: QuerySet[Any], column: str, count: int) -> None:
    while True:
        instants: list[datetime] = list(
            rows.order_by(column).values_list(column, flat=True)[:count]
        )
        if not instants:
            return
        rows.filter(**{f"{column}__lt": instants[-1] + timedelta(milliseconds=1)}).delete()


def device_ids_of(table: Manager[Any] | QuerySet[Any]) -> Iterator[int]:
    """Yield the devices of a table, from one to the next by its key."""
    last = 0
    rows = table.order_by("device_id").values_list("device_id", flat=True)
    while (following := rows.filter(device_id__gt=last).first()) is not None:
        last = following
        yield last
