"""The move to PostgreSQL: copy, compare, catch up; then in one short pause the rest, the switch.

Nothing is asked of the running server. What it changes while everything is copied is noted by
triggers (`changes.py`). In the end the old database's write lock is held while the last changes
go over and both sides are compared; then its tables get other names. Whoever tries to store
something there from then on is refused, and boards keep what is not acknowledged. A move that was
killed is begun again: what agrees on both sides is left as they are.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction

from wattkeep.backups.restoring import SET_SEQUENCES
from wattkeep.domain.instants import from_ms
from wattkeep.moving.changes import (
    forget_changes,
    read_changes,
    start_noting,
    stop_noting,
)
from wattkeep.moving.tables import (
    BY_NAME,
    TELEMETRY,
    devices_in,
    digest_spans,
    insert_as_they_are,
    name_of,
    other_models,
    replace_table,
    stored_spans,
    totals,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from wattkeep.moving.changes import Change
    from wattkeep.moving.tables import Digest, Telemetry

SOURCE, TARGET = "default", "target"
MARK = "wattkeep_move"
MOVED = "moved_"
# So few changes are left to the pause; a busy installation always has some.
FEW_CHANGES = 50
MOST_ROUNDS = 20
MOST_COMPARISONS = 5


class MoveError(Exception):
    """The move cannot begin or go on; the message says why, and the old database is as it was."""


class Step(NamedTuple):
    """Something that was done, in words for whoever waits."""

    text: str


class Counts(NamedTuple):
    """Spans of a device that were looked at, and those that had to be copied."""

    looked_at: int
    copied: int


def database_url_file() -> Path:
    """Return where the new database's address is left for the next start."""
    return settings.DATA_DIR / "database-url"


def move(url: str) -> Iterator[Step]:
    """Move everything to the database that Django knows as `target`, a step at a time.

    Raises:
        MoveError: see there.
    """
    if is_moved():
        _leave_address(url)
        yield Step("Everything was moved already.")
        return
    _prepare_target()
    start_noting(SOURCE)
    yield Step("Copying while Wattkeep goes on.")
    yield from _copy_online()
    yield Step("Comparing every day of every device.")
    yield from _compare()
    yield from _catch_up()
    begin = time.monotonic()
    summary = _switch()
    paused_s = time.monotonic() - begin
    _leave_address(url)
    yield Step(f"{summary} Nothing could be stored for {paused_s:.1f} s.")


def is_moved() -> bool:
    """Tell whether the old database was left by a move that went through."""
    return f"{MOVED}monitoring_device" in connections[SOURCE].introspection.table_names()


def give_up() -> None:
    """Take away what a move that broke off left in the old database."""
    stop_noting(SOURCE)


# -- the target -----------------------------------------------------------------------------------


def _prepare_target() -> None:
    """Make the target's tables; refuse one that holds something else.

    Raises:
        MoveError: it does, or it is the old database itself.
    """
    target = connections[TARGET]
    mine = hashlib.sha256(b"move" + settings.SECRET_KEY.encode()).hexdigest()[:32]
    tables = target.introspection.table_names()
    with target.cursor() as cursor:
        if MARK in tables:
            cursor.execute(f"SELECT source FROM {MARK}")  # noqa: S608 - a name of ours
            if (row := cursor.fetchone()) is None or row[0] != mine:
                raise MoveError("another installation is being moved into that database")
        elif tables:
            raise MoveError(
                f"the database {target.settings_dict['NAME']} has {len(tables)} tables already;"
                " move into an empty one"
            )
        else:
            cursor.execute(f"CREATE TABLE {MARK} (source text NOT NULL)")
            cursor.execute(f"INSERT INTO {MARK} VALUES (%s)", [mine])  # noqa: S608 - a name of ours
    call_command("migrate", database=TARGET, verbosity=0, interactive=False)


# -- while Wattkeep goes on -----------------------------------------------------------------------


def _copy_online() -> Iterator[Step]:
    noted = [one for one in read_changes(SOURCE) if one.table not in BY_NAME]
    with snapshot(), transaction.atomic(using=TARGET):
        _defer_constraints()
        rows = sum(replace_table(model, SOURCE, TARGET) for model in other_models())
        _set_sequences()
    # What was noted before the snapshot is in it.
    forget_changes(SOURCE, noted)
    yield Step(f"  {rows:,} rows of accounts, devices, rules and the like")
    for device_id in sorted(devices_in(SOURCE) | devices_in(TARGET)):
        for table in TELEMETRY:
            counts = _copy_device(table, device_id)
            if counts.looked_at:
                what = table.name.removeprefix("monitoring_")
                yield Step(
                    f"  device {device_id}, {what}: {counts.looked_at:,} parts,"
                    f" {counts.copied:,} copied"
                )


def _compare() -> Iterator[Step]:
    """Read both sides again until every device's spans agree, but for what changes meanwhile."""
    for _ in range(MOST_COMPARISONS):
        looked_at = copied = 0
        for device_id in sorted(devices_in(SOURCE) | devices_in(TARGET)):
            for table in TELEMETRY:
                counts = _copy_device(table, device_id)
                looked_at += counts.looked_at
                copied += counts.copied
        yield Step(f"  {looked_at:,} parts compared, {copied:,} copied again")
        if copied <= FEW_CHANGES:
            return


def _copy_device(table: Telemetry, device_id: int) -> Counts:
    """Copy the spans of a device that are not the same on both sides."""
    ours = stored_spans(table, SOURCE, device_id)
    theirs = stored_spans(table, TARGET, device_id)
    differing = sorted(
        day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day)
    )
    _copy_spans(table, device_id, differing, theirs.keys())
    return Counts(len(ours), len(differing))


def _copy_spans(
    table: Telemetry, device_id: int, spans: Sequence[int], known: Collection[int]
) -> None:
    """Make spans on the target what they are in the source, some at a time."""
    for start in range(0, len(spans), table.spans_at_once):
        some = spans[start : start + table.spans_at_once]
        with transaction.atomic(using=TARGET):
            for span in some:
                _copy_span(table, device_id, span, is_known=span in known)


def _copy_span(table: Telemetry, device_id: int, span: int, *, is_known: bool) -> dict[int, Digest]:
    """Make a span on the target what it is in the source; return what that is."""
    if is_known:
        theirs = table.rows(TARGET, device_id, span)
        theirs.order_by()._raw_delete(TARGET)  # noqa: SLF001 - no cascade, no signal: a statement
    rows = list(table.rows(SOURCE, device_id, span))
    insert_as_they_are(table.model, rows, TARGET)
    return digest_spans(table, rows)


def _catch_up() -> Iterator[Step]:
    """Copy what changed meanwhile, until so little changes in a round that a pause can hold it."""
    before = None
    for _ in range(MOST_ROUNDS):
        changes = read_changes(SOURCE)
        spans = [one for one in changes if one.table in BY_NAME]
        if len(spans) <= FEW_CHANGES or (before is not None and len(spans) >= before):
            return
        before = len(spans)
        _copy_changes(spans)
        forget_changes(SOURCE, spans)
        yield Step(f"  {len(spans):,} parts that changed meanwhile")


def _copy_changes(changes: Sequence[Change]) -> None:
    """Copy changed spans and read each back.

    Raises:
        MoveError: the target has something else than what was given to it.
    """
    for change in changes:
        table = BY_NAME[change.table]
        with transaction.atomic(using=TARGET):
            given = _copy_span(table, change.device_id, change.span_ms, is_known=True)
            rows = table.rows(TARGET, change.device_id, change.span_ms)
            if digest_spans(table, rows) != given:
                raise MoveError(
                    f"{change.table} of device {change.device_id} on"
                    f" {from_ms(change.span_ms):%Y-%m-%d} does not come back as it was given"
                )


# -- the pause ------------------------------------------------------------------------------------


def _switch() -> str:
    """Copy the last changes with every writer kept out, compare, and close the old database.

    The target's commit comes first. If it is killed between the two, the old database goes on, and
    the next try copies what it took until then.

    Raises:
        MoveError: the two are not the same; the old database goes on.
    """
    # A transaction begins with the one write lock that SQLite has.
    with transaction.atomic(using=SOURCE):
        with transaction.atomic(using=TARGET):
            _defer_constraints()
            changes = read_changes(SOURCE)
            _copy_changes([one for one in changes if one.table in BY_NAME])
            changed = {one.table for one in changes}
            for model in other_models():
                if name_of(model) in changed:
                    replace_table(model, SOURCE, TARGET)
            _set_sequences()
            ours, theirs = totals(SOURCE), totals(TARGET)
            if different := [name for name in ours if ours[name] != theirs[name]]:
                raise MoveError(f"the two databases differ in {', '.join(different)}")
        stop_noting(SOURCE)
        _rename_tables()
    with connections[TARGET].cursor() as cursor:
        cursor.execute(f"DROP TABLE {MARK}")
    energy = sum(
        row["sum_measured_mwh"] + row["sum_estimated_mwh"]
        for row in ours["monitoring_energyslot"].values()
    )
    readings = sum(row["rows"] for row in ours["monitoring_energyreading"].values())
    sealed = sum(row["sum_count"] for row in ours["monitoring_readingblock"].values())
    return (
        f"Moved: {readings + sealed:,} readings, {energy / 1e6:,.3f} kWh, the same on both sides."
    )


def _rename_tables() -> None:
    """Give our tables other names: nobody can read or store here what belongs there now."""
    db = connections[SOURCE]
    with db.cursor() as cursor:
        for name in db.introspection.table_names(cursor):
            if name.startswith("monitoring_"):
                quote = db.ops.quote_name
                cursor.execute(f"ALTER TABLE {quote(name)} RENAME TO {quote(MOVED + name)}")


def _leave_address(url: str) -> None:
    """Have the next start use the new database."""
    target = database_url_file()
    draft = target.with_name(".database-url.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - the mode must hold from the first byte
        file.write(f"{url}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)


# -- both databases -------------------------------------------------------------------------------


@contextmanager
def snapshot() -> Iterator[None]:
    """Have the source read as of one instant, with every writer going on."""
    with connections[SOURCE].cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield
        finally:
            cursor.execute("COMMIT")


def _defer_constraints() -> None:
    with connections[TARGET].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _set_sequences() -> None:
    with connections[TARGET].cursor() as cursor:
        cursor.execute(SET_SEQUENCES)
