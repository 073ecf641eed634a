"""What is moved: telemetry by device and day, everything else a table at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import connections
from django.db.models import Count, Model, Sum
from django.db.models.sql import InsertQuery

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.ledger.blocks import DAY_MS
from wattkeep.monitoring.deletion import device_ids_of
from wattkeep.monitoring.models import (
    EnergyReading,
    EnergySlot,
    Export,
    ExportChunk,
    ExportPart,
    Lease,
    MeterEvent,
    ReadingBlock,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import Field, QuerySet

ROWS_A_FETCH = 5_000
ROWS_A_STATEMENT = 1_000


def name_of(model: type[Model]) -> str:
    """Return a model's table."""
    return model._meta.db_table  # noqa: SLF001 - Django's documented way


def fields_of(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the fields that have a column of their own."""
    return list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented way


def rows_of(model: type[Model], alias: str) -> QuerySet[Any]:
    """Return all rows of a model in a database, whatever its managers leave out."""
    return model._base_manager.using(alias)  # noqa: SLF001 - Django's documented way


@dataclass(frozen=True)
class Telemetry:
    """A table of telemetry and what places its rows in time."""

    model: type[Model]
    at: str
    # What is copied and compared as one: a UTC day, or of what changes all the time a part of it.
    span_ms: int
    # How many of these are copied in one transaction.
    spans_at_once: int

    @property
    def name(self) -> str:
        return name_of(self.model)

    def rows(self, alias: str, device_id: int, span: int | None = None) -> QuerySet[Any]:
        """Return a device's rows in their order; of one span (its start in epoch ms), or all."""
        rows = rows_of(self.model, alias).filter(device_id=device_id)
        if span is not None:
            first, end = from_ms(span), from_ms(span + self.span_ms)
            rows = rows.filter(**{f"{self.at}__gte": first, f"{self.at}__lt": end})
        return rows.order_by(self.at)


# Rows are copied before blocks for the reason that they are read before them: a day that is sealed
# in between is then there twice, not missing.
TELEMETRY = (
    Telemetry(EnergyReading, "timestamp", 600_000, 100),
    Telemetry(ReadingBlock, "day", DAY_MS, 20),
    Telemetry(EnergySlot, "start", DAY_MS, 60),
    Telemetry(MeterEvent, "timestamp", DAY_MS, 200),
)
# Who holds a periodic task means nothing elsewhere; an ordered file can be ordered again.
LEFT_BEHIND = frozenset({Lease, Export, ExportPart, ExportChunk})
BY_NAME = {one.name: one for one in TELEMETRY}


def other_models() -> list[type[Model]]:
    """Return the models of all other tables that go along."""
    telemetry = {one.model for one in TELEMETRY}
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model not in telemetry and model not in LEFT_BEHIND
    ]


class Digest(NamedTuple):
    """What tells a device's span from any other content it could have."""

    rows: int
    sha: str


def digest_spans(table: Telemetry, rows: Iterable[Any]) -> dict[int, Digest]:
    """Return span → digest of rows in any order."""
    names = [field.attname for field in fields_of(table.model)]
    found: dict[int, list[bytes]] = {}
    for row in rows:
        span = to_ms(getattr(row, table.at)) // table.span_ms * table.span_ms
        values = repr([_plain(getattr(row, name)) for name in names]).encode()
        found.setdefault(span, []).append(hashlib.sha256(values).digest())
    return {
        # The order that a query returns rows of one instant in is the database's own.
        span: Digest(len(rows), hashlib.sha256(b"".join(sorted(rows))).hexdigest())
        for span, rows in found.items()
    }


def stored_spans(table: Telemetry, alias: str, device_id: int) -> dict[int, Digest]:
    """Return the digests of a device's spans as a database has them."""
    rows = table.rows(alias, device_id).iterator(chunk_size=ROWS_A_FETCH)
    return digest_spans(table, rows)


def _plain(value: Any) -> Any:
    """Return a value as both databases' drivers have it."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return to_ms(value)
    return value


def devices_in(alias: str) -> set[int]:
    """Return the devices that a database has telemetry of, also such as are deleted."""
    return {
        device_id for table in TELEMETRY for device_id in device_ids_of(rows_of(table.model, alias))
    }


def totals(alias: str) -> dict[str, Any]:
    """Return what the two databases are compared by: rows, and each device's sums."""
    found: dict[str, Any] = {
        name_of(model): rows_of(model, alias).count() for model in other_models()
    }
    sums = {
        EnergyReading: (),
        ReadingBlock: ("count", "checksum"),
        EnergySlot: ("measured_mwh", "estimated_mwh", "samples"),
        MeterEvent: ("windows",),
    }
    for table in TELEMETRY:
        asked = {f"sum_{name}": Sum(name) for name in sums[table.model]}
        rows = rows_of(table.model, alias).order_by().values("device_id")
        found[table.name] = {
            row.pop("device_id"): {name: int(value or 0) for name, value in row.items()}
            for row in rows.annotate(rows=Count("device_id"), **asked)
        }
    return found


def replace_table(model: type[Model], source: str, target: str) -> int:
    """Make a table what it is in the source, inside the caller's transaction; return its rows."""
    quote = connections[target].ops.quote_name
    with connections[target].cursor() as cursor:
        cursor.execute(f"DELETE FROM {quote(name_of(model))}")  # noqa: S608 - a name of ours
    return insert_as_they_are(model, rows_of(model, source).iterator(), target)


def insert_as_they_are(model: type[Model], rows: Iterable[Model], alias: str) -> int:
    """Insert rows with every value they have, also those that a new row gets by itself."""
    fields = fields_of(model)
    count = 0
    for some in _chunks(rows, ROWS_A_STATEMENT):
        query = InsertQuery(model)
        query.insert_values(fields, some, raw=True)
        query.get_compiler(using=alias).execute_sql()
        count += len(some)
    return count


def _chunks(rows: Iterable[Model], most: int) -> Iterator[list[Model]]:
    waiting: list[Model] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == most:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
