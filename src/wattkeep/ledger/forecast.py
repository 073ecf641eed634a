"""How much room the database takes, what for, and how much it will take in a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import OperationalError, connection
from django.db.models import Count, Sum
from django.db.models.functions import Length

from wattkeep.ledger.blocks import STORED
from wattkeep.monitoring.models import Device, EnergyReading, EnergySlot, ReadingBlock, Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import Model

DAYS_A_YEAR = 365
SLOTS_A_DAY = 96
S_A_DAY = 86_400
# Rows wait for the end of their day (UTC) and six hours more: at most, and so that there is room.
MOST_DAYS_AS_ROWS = 1.25
USUAL_CHOICES = (None, 365, 90, 30, 7)
# Measured (docs/decisions/0009); used where there is nothing to measure yet.
ROW_BYTES = 65.0
SLOT_BYTES = 195.0
SEALED_BYTES = 3.0
# What a device does is told from so many of its days; one of which there is none has gone quiet.
RECENT = timedelta(days=30)
# A sealed day fills its last page by half, on average.
BLOCK_OVERHEAD = 1.1


@dataclass(frozen=True)
class TableSize:
    """A table's rows, and the bytes they and their indexes take."""

    rows: int
    data_bytes: int
    index_bytes: int


@dataclass(frozen=True)
class DatabaseSize:
    """What the database takes, and what for.

    `free_bytes` are in the file and wait to be used again. `is_estimate` tells that this
    database cannot say what each table takes, and sizes come from counting rows.
    """

    total_bytes: int
    rows: TableSize
    blocks: TableSize
    slots: TableSize
    other_bytes: int
    free_bytes: int
    is_estimate: bool


@dataclass(frozen=True)
class DeviceSize:
    """What a device takes, and what it adds in a day.

    `is_measured` tells that days of it were sealed lately; else its figures are expected ones.
    """

    device_id: int
    name: str
    site: str
    keep_raw_days: int | None
    sealed_readings: int
    rows: int
    slots: int
    sealed_bytes: int
    rows_bytes: int
    slots_bytes: int
    readings_a_day: float
    bytes_a_reading: float
    sealed_bytes_a_day: float
    slots_bytes_a_day: float
    is_measured: bool

    def bytes_in_days(self, days: int, keep_raw_days: int | None) -> float:
        """Return what the device will take after `days` more, under a choice of what to keep."""
        waiting = self.readings_a_day * MOST_DAYS_AS_ROWS * ROW_BYTES
        sealed = self.sealed_bytes + days * self.sealed_bytes_a_day
        if keep_raw_days is not None:
            sealed = min(sealed, keep_raw_days * self.sealed_bytes_a_day)
        return waiting + sealed + self.slots_bytes + days * self.slots_bytes_a_day


@dataclass(frozen=True)
class Choice:
    """What the database will take in a year if single readings are kept for so many days.

    None keeps them for good. `is_present` tells that this is what every site keeps now.
    """

    keep_raw_days: int | None
    bytes_in_a_year: int
    is_present: bool


@dataclass(frozen=True)
class Forecast:
    """The database now, by device, and in a year."""

    database: DatabaseSize
    devices: tuple[DeviceSize, ...]
    choices: tuple[Choice, ...]
    # As the sites are set now, each for itself.
    bytes_in_a_year: int


def make_forecast(now: datetime) -> Forecast:
    """Measure the database and tell what becomes of it in a year.

    Reads every page of an SQLite file: a second or so for each gigabyte.
    """
    database = measure_database()
    devices = measure_devices(database, now)
    kept = set(Site.objects.filter(devices__isnull=False).values_list("keep_raw_days", flat=True))
    wanted = [*USUAL_CHOICES, *kept]
    choices = sorted(dict.fromkeys(wanted), key=lambda days: -(days or 10**9))
    return Forecast(
        database,
        tuple(devices),
        tuple(
            Choice(days, _in_a_year(database, devices, [days] * len(devices)), kept == {days})
            for days in choices
        ),
        _in_a_year(database, devices, [device.keep_raw_days for device in devices]),
    )


def _in_a_year(
    database: DatabaseSize, devices: Sequence[DeviceSize], keep: Sequence[int | None]
) -> int:
    each = (
        device.bytes_in_days(DAYS_A_YEAR, days) for device, days in zip(devices, keep, strict=True)
    )
    indexes = sum(one.index_bytes for one in (database.rows, database.blocks, database.slots))
    return round(database.other_bytes + indexes + sum(each))


# -- devices ----------------------------------------------------------------------------------


def measure_devices(database: DatabaseSize, now: datetime) -> list[DeviceSize]:
    """Return what each device takes, in the order of their names."""
    blocks = _blocks_by_device()
    recent = _blocks_by_device(now - RECENT)
    rows = _count_by_device(EnergyReading)
    slots = _count_by_device(EnergySlot)
    lengths = sum(row["length"] for row in blocks.values())
    # What a table takes beyond its values belongs to its rows in proportion.
    overhead = database.blocks.data_bytes / lengths if lengths else BLOCK_OVERHEAD
    sealed = sum(row["readings"] for row in blocks.values())
    usual = database.blocks.data_bytes / sealed if sealed else SEALED_BYTES
    each = _Bytes(
        _each(database.rows, ROW_BYTES), _each(database.slots, SLOT_BYTES), overhead, usual
    )
    return [
        _measure_device(
            device,
            _Found(
                blocks.get(device.pk),
                recent.get(device.pk),
                rows.get(device.pk, 0),
                slots.get(device.pk, 0),
            ),
            each,
        )
        for device in Device.objects.select_related("site").order_by("name", "pk")
    ]


class _Found(NamedTuple):
    """What there is of a device; its blocks as `_blocks_by_device` returns them."""

    sealed: dict[str, Any] | None
    recent: dict[str, Any] | None
    rows: int
    slots: int


@dataclass(frozen=True)
class _Bytes:
    """What one of each takes; `overhead` multiplies the length of a block's columns."""

    row: float
    slot: float
    overhead: float
    usual_reading: float


def _measure_device(device: Device, found: _Found, each: _Bytes) -> DeviceSize:
    sealed, recent = found.sealed, found.recent
    readings_a_day = S_A_DAY / device.interval_s
    bytes_a_reading = each.usual_reading
    for blocks in filter(None, (sealed, recent)):
        bytes_a_reading = blocks["length"] * each.overhead / blocks["readings"]
    if recent:
        readings_a_day = recent["readings"] / recent["days"]
    is_quiet = sealed is not None and recent is None and not found.rows
    return DeviceSize(
        device_id=device.pk,
        name=device.name,
        site=device.site.name,
        keep_raw_days=device.site.keep_raw_days,
        sealed_readings=sealed["readings"] if sealed else 0,
        rows=found.rows,
        slots=found.slots,
        sealed_bytes=round(sealed["length"] * each.overhead) if sealed else 0,
        rows_bytes=round(found.rows * each.row),
        slots_bytes=round(found.slots * each.slot),
        readings_a_day=0.0 if is_quiet else readings_a_day,
        bytes_a_reading=bytes_a_reading,
        sealed_bytes_a_day=0.0 if is_quiet else readings_a_day * bytes_a_reading,
        slots_bytes_a_day=0.0 if is_quiet else SLOTS_A_DAY * each.slot,
        is_measured=is_quiet or recent is not None,
    )


def _blocks_by_device(since: datetime | None = None) -> dict[int, dict[str, Any]]:
    """Return days, readings and the length of all columns together, by device."""
    blocks = ReadingBlock.objects.order_by()
    if since is not None:
        blocks = blocks.filter(day__gte=since)
    length = sum((Length(name) for name in STORED[1:]), start=Length(STORED[0]))
    found = blocks.values("device_id").annotate(
        days=Count("*"), readings=Sum("count"), length=Sum(length)
    )
    return {row["device_id"]: dict(row) for row in found}


def _count_by_device(model: type[Model]) -> dict[int, int]:
    rows = model._default_manager.order_by().values_list("device_id")  # noqa: SLF001 - Django's public name
    return dict(rows.annotate(rows=Count("*")))


def _each(table: TableSize, otherwise: float) -> float:
    """Return what a row takes; a table of a few pages tells nothing."""
    return table.data_bytes / table.rows if table.rows >= 1000 else otherwise  # noqa: PLR2004


# -- the database -----------------------------------------------------------------------------


def measure_database() -> DatabaseSize:
    """Return what the database takes, and what for."""
    tables = {"rows": EnergyReading, "blocks": ReadingBlock, "slots": EnergySlot}
    counts = {what: model._default_manager.count() for what, model in tables.items()}  # noqa: SLF001
    names = {what: model._meta.db_table for what, model in tables.items()}  # noqa: SLF001
    is_estimate = False
    free_bytes = 0
    if connection.vendor == "sqlite":
        total_bytes, free_bytes = _sqlite_pages()
        try:
            sizes = _sqlite_sizes(names)
        except OperationalError:  # built without dbstat
            sizes = _estimated_sizes(counts)
            is_estimate = True
    else:
        total_bytes, sizes = _postgres_sizes(names)
    measured = {what: TableSize(counts[what], *sizes[what]) for what in tables}
    ours = sum(one.data_bytes + one.index_bytes for one in measured.values())
    return DatabaseSize(
        total_bytes=total_bytes,
        other_bytes=max(0, total_bytes - free_bytes - ours),
        free_bytes=free_bytes,
        is_estimate=is_estimate,
        **measured,
    )


def _sqlite_pages() -> tuple[int, int]:
    """Return the file's bytes, and those of its free pages."""
    page_size, pages, free = (
        _value(f"PRAGMA {name}") for name in ("page_size", "page_count", "freelist_count")
    )
    return page_size * pages, page_size * free


def _sqlite_sizes(names: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Return the bytes of each table's data and indexes.

    Raises:
        OperationalError: this SQLite cannot tell.
    """
    sizes = dict.fromkeys(names, (0, 0))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tbl_name, sum(pgsize * (type = 'table')), sum(pgsize * (type = 'index'))"
            " FROM dbstat JOIN sqlite_master USING (name) WHERE aggregate = TRUE GROUP BY tbl_name"
        )
        found = {table: (data, index) for table, data, index in cursor.fetchall()}
    return {what: found.get(names[what], sizes[what]) for what in names}


def _estimated_sizes(counts: dict[str, int]) -> dict[str, tuple[int, int]]:
    lengths = sum(row["length"] for row in _blocks_by_device().values())
    return {
        "rows": (round(counts["rows"] * ROW_BYTES), 0),
        "blocks": (round(lengths * BLOCK_OVERHEAD), 0),
        "slots": (round(counts["slots"] * SLOT_BYTES), 0),
    }


SIZE_WITH_PARTITIONS = (
    "SELECT pg_{0}_size('{1}') + coalesce((SELECT sum(pg_{0}_size(relid))"
    " FROM pg_partition_tree('{1}') WHERE level > 0), 0)"
)


def _postgres_sizes(names: dict[str, str]) -> tuple[int, dict[str, tuple[int, int]]]:
    total = _value("SELECT pg_database_size(current_database())")
    sizes = {
        what: (
            _value(SIZE_WITH_PARTITIONS.format("table", name)),
            _value(SIZE_WITH_PARTITIONS.format("indexes", name)),
        )
        for what, name in names.items()
    }
    return total, sizes


def _value(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
