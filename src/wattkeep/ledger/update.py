"""Slots kept up to date: what is new, or was marked, is made again; safe for many at once.

Everything is computed outside a transaction. A short one then checks that nobody else has written
this device's slots since (`LedgerState.version`), and writes what differs. Whoever comes second
starts again from what is stored then.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DatabaseError, transaction
from django.db.models import F, Max

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import PROFILE_MS, SLOT_MS, slot_start
from wattkeep.ledger.folding import next_stretch, open_source
from wattkeep.ledger.marks import Dirty, Mark, delete_marks, join_dirty, leave_mark, read_marks
from wattkeep.ledger.stored import save_differences
from wattkeep.monitoring.models import Device, DeviceBoot, LedgerMark, LedgerState, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from wattkeep.ledger.folding import Source, Stretch

logger = logging.getLogger(__name__)

# A reading that arrives within this of its time, and is not older than the newest of its device
# by more, leaves no mark: each run goes back so far anyway.
FRESH = timedelta(minutes=2)
# From the moment a reading is judged fresh until its commit can be seen.
MARGIN = timedelta(minutes=3)
LOOK_BACK = FRESH + MARGIN
DEVICES_A_COMMIT = 20


class MovedError(Exception):
    """Somebody else has written this device's slots since they were read."""


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


class Step(NamedTuple):
    """One stretch, ready to be written on top of `version`."""

    job: Job
    version: int
    stretch: Stretch | None
    # Gaps later on whose shape comes from slots that change now.
    shaped: list[Dirty]
    is_last: bool


def update_device(device_id: int, now: datetime) -> int:
    """Bring a device's slots up to date with what is stored; return how many changed."""
    _make_state(device_id)
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


def update_each_due(now: datetime) -> Iterator[int]:
    """Do the same one device at a time: whoever stops asking stops the work, and loses nothing.

    Most have one small step to do; those share commits.
    """
    waiting: list[Step] = []
    failed: dict[int, str] = {}
    for device_id in due_devices(now):
        try:
            step = _do_all_but_small(device_id, now)
        except Device.DoesNotExist:
            continue
        except DatabaseError:
            raise
        except Exception as error:
            # One device's broken day must not keep the others from getting on.
            logger.exception("the slots of device %s could not be made", device_id)
            failed[device_id] = f"{type(error).__name__}: {error}"
            continue
        if step is not None:
            waiting.append(step)
        if len(waiting) == DEVICES_A_COMMIT:
            _save_together(waiting)
            waiting = []
        yield device_id
    _save_together(waiting)
    if failed:
        raise DevicesFailedError(failed)


def _do_all_but_small(device_id: int, now: datetime) -> Step | None:
    """Bring a device up to date, or return the one step that does."""
    _make_state(device_id)
    first = next(_steps(open_job(device_id, now)))
    if first.is_last:
        return first
    update_device(device_id, now)
    return None


def due_devices(now: datetime) -> list[int]:
    """Return the devices that spoke since their slots were made, or have marks."""
    done_to = dict(LedgerState.objects.values_list("device_id", "done_to"))
    heard = DeviceBoot.objects.values_list("device_id").annotate(last=Max("last_seen"))
    # A clock set back must not make anybody wait until it has caught up.
    spoke = {
        device_id
        for device_id, last in heard
        if device_id not in done_to or last >= min(done_to[device_id], now) - LOOK_BACK
    }
    marked = set(LedgerMark.objects.values_list("device_id", flat=True).distinct())
    # Others may have gone meanwhile.
    return sorted(Device.objects.filter(pk__in=spoke | marked).values_list("pk", flat=True))


def open_job(device_id: int, now: datetime) -> Job:
    """Look up what has to be done for a device."""
    # The order matters: what is read later may only be newer.
    state = LedgerState.objects.filter(device_id=device_id).first()
    if state is None:
        state = LedgerState(device_id=device_id, done_to=from_ms(0))
    marks = read_marks(device_id)
    raw_from_ms = None if state.raw_from is None else to_ms(state.raw_from)
    source = open_source(device_id, raw_from_ms)
    tail_ms = slot_start(to_ms(min(state.done_to, now) - LOOK_BACK))
    spans = [Dirty(tail_ms, None), *(mark.slots for mark in marks)]
    if (floor_ms := source.floor_ms) is not None:
        spans = [
            Dirty(max(span.start_ms, floor_ms), span.until_ms)
            for span in spans
            if span.until_ms is None or span.until_ms >= floor_ms
        ]
    return Job(source, state.version, join_dirty(spans), marks, to_ms(now))


def _make_state(device_id: int) -> None:
    if not LedgerState.objects.filter(device_id=device_id).exists():
        LedgerState.objects.bulk_create(
            [LedgerState(device_id=device_id, done_to=from_ms(0))], ignore_conflicts=True
        )


def _steps(job: Job) -> Iterator[Step]:
    """Yield what is to be written; each has to be, before the next is asked for."""
    version = job.version
    for place, span in enumerate(job.spans):
        rest: Dirty | None = span
        while rest is not None:
            stretch = next_stretch(job.source, rest)
            is_last = stretch.is_end and place == len(job.spans) - 1
            step = Step(job, version, stretch, _shaped_by(job, rest, stretch), is_last)
            yield step
            version += _is_write(step)
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
    if step.stretch is None or step.stretch.differences.is_none:
        return 0
    differences = step.stretch.differences
    return max(1, len(differences.slots) + len(differences.gone_slots))


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
    if step.stretch is not None:
        save_differences(device_id, step.stretch.differences)
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
