"""Slots kept up to date: what is new, or was marked, is made again; safe for many at once.

Everything is computed outside a transaction. A short one then checks that nobody else has written
this device's slots since (`LedgerState.version`), and writes what differs. Whoever comes second
starts again from what is stored then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import F

from wattkeep.domain.counter import Meter
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import PROFILE_MS, SLOT_MS, slot_start
from wattkeep.ledger.bulk import MovedError
from wattkeep.ledger.due import EVERYTHING, LOOK_BACK_MS, SHORT_MS, Share, due_devices
from wattkeep.ledger.folding import Source, find_end, next_stretch
from wattkeep.ledger.marks import Dirty, Mark, delete_marks, join_dirty, leave_mark, read_all_marks
from wattkeep.ledger.steady import update_steady
from wattkeep.ledger.stored import Differences, StoredRows, load_swaps, save_differences
from wattkeep.monitoring.models import Device, LedgerState, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wattkeep.ledger.folding import Stretch

logger = logging.getLogger(__name__)

# Of these the steady ones share queries and a commit.
DEVICES_AT_ONCE = 50
# Of the others' small steps so many share one: readings wait for no more of them.
STEPS_A_COMMIT = 5


class DevicesFailedError(Exception):
    """Slots of some devices could not be made; what is wrong with each, by its number."""

    def __init__(self, failed: dict[int, str]) -> None:
        super().__init__("; ".join(f"device {pk}: {what}" for pk, what in failed.items()))
        self.failed = failed


class Job(NamedTuple):
    """A device to be brought up to date, as it was found."""

    source: Source
    version: int
    spans: list[Dirty]
    marks: list[Mark]
    done_to_ms: int
    is_short: bool


class Step(NamedTuple):
    """What is to be written on top of `version`, at once."""

    job: Job
    version: int
    differences: Differences
    # Gaps later on whose shape comes from slots that change now.
    shaped: list[Dirty]
    is_last: bool


def update_device(device_id: int, now: datetime) -> int:
    """Bring a device's slots up to date with what is stored; return how many changed."""
    _make_states([device_id])
    changed = 0
    is_more = True
    while is_more:
        is_more = False
        try:
            for step in _steps(open_job(device_id, now)):
                with transaction.atomic():
                    _save(step)
                changed += _size(step)
                is_more |= bool(step.shaped)
        except MovedError:
            is_more = True
    return changed


def update_due(now: datetime) -> list[int]:
    """Bring every device up to date that spoke since its last run; return which these were.

    Raises:
        DevicesFailedError: once all are done, if some could not be.
    """
    return list(update_each_due(now))


def update_each_due(now: datetime, share: Share = EVERYTHING) -> Iterator[int]:
    """Do the same one device at a time: whoever stops asking stops the work, and loses nothing."""
    failed: dict[int, str] = {}
    due = due_devices(now, share)
    for first in range(0, len(due), DEVICES_AT_ONCE):
        some = due[first : first + DEVICES_AT_ONCE]
        _make_states(some)
        steady = _steady_of(some, now)
        yield from sorted(steady)
        yield from _update_each([pk for pk in some if pk not in steady], now, failed)
    if failed:
        raise DevicesFailedError(failed)


def _steady_of(device_ids: Sequence[int], now: datetime) -> set[int]:
    """Bring the steady ones up to date; what goes wrong with one is found out one by one."""
    try:
        return update_steady(device_ids, now)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("slots could not be made together; each is tried by itself")
        return set()


def _update_each(device_ids: Sequence[int], now: datetime, failed: dict[int, str]) -> Iterator[int]:
    """Bring devices up to date one by one; most have one small step to do, and share a commit."""
    small: list[Step] = []
    for device_id, job in open_jobs(device_ids, now).items():
        try:
            small += _do_all_but_small(job, now)
        except DatabaseError:
            raise
        except Exception as error:
            # One device's broken day must not keep the others from getting on.
            logger.exception("the slots of device %s could not be made", device_id)
            failed[device_id] = f"{type(error).__name__}: {error}"
        else:
            if len(small) >= STEPS_A_COMMIT:
                _save_together(small)
                small = []
            yield device_id
    _save_together(small)


def _do_all_but_small(job: Job, now: datetime) -> list[Step]:
    """Bring a device up to date, or return the one step that does."""
    first = next(_steps(job))
    if first.is_last:
        return [first]
    update_device(job.source.device_id, now)
    return []


def open_job(device_id: int, now: datetime) -> Job:
    """Look up what has to be done for a device.

    Raises:
        Device.DoesNotExist: it has gone.
    """
    jobs = open_jobs([device_id], now)
    if device_id not in jobs:
        raise Device.DoesNotExist(f"There is no device {device_id}.")
    return jobs[device_id]


def open_jobs(device_ids: Sequence[int], now: datetime) -> dict[int, Job]:
    """Look up what has to be done for some devices; those that have gone are left out."""
    # The order matters: what is read later may only be newer.
    states = LedgerState.objects.in_bulk(device_ids)
    marks = read_all_marks(device_ids)
    devices = Device.objects.filter(pk__in=device_ids).order_by("pk")
    meters = devices.values_list("pk", "range_w", "has_counter")
    swaps = load_swaps(device_ids)
    jobs = {}
    for device_id, range_w, has_counter in meters:
        state = states.get(device_id, LedgerState(device_id=device_id, done_to=from_ms(0)))
        raw_from_ms = None if state.raw_from is None else to_ms(state.raw_from)
        done_to_ms = to_ms(min(state.done_to, now))
        spans = [Dirty(slot_start(done_to_ms - LOOK_BACK_MS), None)]
        spans += [mark.slots for mark in marks[device_id]]
        meter = Meter(float(range_w), has_counter)
        rows = StoredRows(device_id)
        source = Source(device_id, meter, swaps[device_id], raw_from_ms, rows)
        spans = join_dirty(_from_floor(spans, source.floor_ms))
        # The usual case: what there is from there on is little, however far it reaches.
        is_short = len(spans) == 1 and to_ms(now) - spans[0].start_ms < SHORT_MS
        jobs[device_id] = Job(source, state.version, spans, marks[device_id], to_ms(now), is_short)
    return jobs


def _from_floor(spans: Sequence[Dirty], floor_ms: int | None) -> list[Dirty]:
    """Return spans as far as single readings are there for them."""
    if floor_ms is None:
        return list(spans)
    return [
        Dirty(max(span.start_ms, floor_ms), span.until_ms)
        for span in spans
        if span.until_ms is None or span.until_ms >= floor_ms
    ]


def _make_states(device_ids: Sequence[int]) -> None:
    known = set(LedgerState.objects.filter(pk__in=device_ids).values_list("device_id", flat=True))
    new = [LedgerState(device_id=pk, done_to=from_ms(0)) for pk in device_ids if pk not in known]
    if new:
        LedgerState.objects.bulk_create(new, ignore_conflicts=True)


def _steps(job: Job) -> Iterator[Step]:
    """Yield what is to be written; each has to be, before the next is asked for."""
    version = job.version
    source = job.source if job.is_short else find_end(job.source)
    for place, span in enumerate(job.spans):
        rest: Dirty | None = span
        while rest is not None:
            stretch = next_stretch(source, rest)
            is_last = stretch.is_end and place == len(job.spans) - 1
            # Marked with the first piece: a crash after it must not forget them.
            shaped = _shaped_by(job, rest, stretch)
            pieces = stretch.differences.pieces()
            for number, piece in enumerate(pieces, 1):
                step = Step(job, version, piece, shaped, is_last and number == len(pieces))
                yield step
                version += _is_write(step)
                shaped = []
            rest = None if stretch.is_end else Dirty(stretch.end_ms or 0, rest.until_ms)


def _shaped_by(job: Job, dirty: Dirty, stretch: Stretch) -> list[Dirty]:
    """Return the gaps beyond this span whose shape comes from slots that the stretch changes."""
    changed = stretch.differences.changed_ms
    if not changed or dirty.until_ms is None or stretch.end_ms is None:
        return []
    gaps = MeterEvent.objects.filter(
        device_id=job.source.device_id,
        kind=MeterEvent.Kind.GAP,
        timestamp__gte=from_ms(max(stretch.end_ms, changed[0] + SLOT_MS)),
        timestamp__lt=from_ms(changed[-1] + PROFILE_MS + SLOT_MS),
    )
    return [
        Dirty(slot_start(to_ms(start)), slot_start(to_ms(end)))
        for start, end in gaps.order_by("timestamp").values_list("timestamp", "until")
    ]


def _is_write(step: Step) -> bool:
    return step.is_last or _size(step) > 0


def _size(step: Step) -> int:
    if step.differences.is_none:
        return 0
    return max(1, len(step.differences.slots) + len(step.differences.gone_slots))


def _save(step: Step) -> None:
    """Write a step within a transaction; once the last is in, the device is up to date.

    Raises:
        MovedError: its slots are not what it was computed from.
    """
    if not _is_write(step):
        return
    job = step.job
    device_id = job.source.device_id
    values: dict[str, Any] = {"version": F("version") + 1}
    if step.is_last:
        values["done_to"] = from_ms(job.done_to_ms)
    # The row is locked by its change until the commit, so this is the check and the lock.
    own = LedgerState.objects.filter(device_id=device_id, version=step.version)
    if not own.update(**values):
        raise MovedError
    save_differences(device_id, step.differences)
    for gap in step.shaped:
        leave_mark(device_id, *gap)
    if step.is_last:
        delete_marks(device_id, job.marks)


def _save_together(steps: Sequence[Step]) -> None:
    """Write the only step of several devices; one that was moved is left for the next run."""
    if not steps:
        return
    with transaction.atomic():
        for step in steps:
            try:
                _save(step)
            except MovedError:
                continue
