"""Why a figure is what it is: everything behind one quarter-hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.columns import Columns
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import SLOT_MS, slot_start
from wattkeep.history.consumption import corrections_touching, used_between
from wattkeep.ledger.readings import COLUMNS, readings_after, readings_before
from wattkeep.ledger.stored import StoredProfiles
from wattkeep.monitoring.models import EnergySlot, LedgerMark, LedgerState, MeterEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wattkeep.domain.corrections import Energy
    from wattkeep.monitoring.models import Correction, Device

# Readings before and after the slot: what a broken counter is judged by.
CONTEXT = 3
MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Explanation:
    """One quarter-hour of a device and all that it is made of.

    `before` is what the readings alone give, `energy` the same with corrections. `gap_shape` says
    how a gap's energy was spread over its time: "even" or "usual week"; None without a gap.
    """

    start: datetime
    end: datetime
    energy: Energy
    uncorrected: Energy
    samples: Columns
    events: Sequence[MeterEvent]
    corrections: Sequence[Correction]
    gap_shape: str | None
    slot: EnergySlot | None
    state: LedgerState | None
    will_change: bool


def why(device: Device, at: datetime) -> Explanation:
    """Return what is behind the quarter-hour that an instant lies in."""
    start_ms = slot_start(to_ms(at))
    end_ms = start_ms + SLOT_MS
    start, end = from_ms(start_ms), from_ms(end_ms)
    energy = used_between([device], [start, end])[device.pk][0]
    uncorrected = used_between([device], [start, end], corrected=False)[device.pk][0]
    events = list(
        MeterEvent.objects.filter(
            device_id=device.pk, timestamp__lt=end, until__gte=start
        ).order_by("timestamp", "kind")
    )
    corrections = list(corrections_touching([device], start_ms, end_ms).select_related("author"))
    slots = EnergySlot.objects.filter(device_id=device.pk, start=start)
    marks = LedgerMark.objects.filter(device_id=device.pk, start__lt=end)
    return Explanation(
        start,
        end,
        energy,
        uncorrected,
        _samples(device.pk, start_ms, end_ms),
        events,
        corrections,
        _gap_shape(device.pk, events),
        slots.first(),
        LedgerState.objects.filter(device_id=device.pk).first(),
        marks.exists(),
    )


def _samples(device_id: int, start_ms: int, end_ms: int) -> Columns:
    """Return the slot's readings and those right before and after it."""
    # Not all of the slot's: a device may send hundreds a second.
    parts = [
        readings_before(device_id, start_ms, CONTEXT, COLUMNS),
        readings_after(device_id, start_ms, MOST_SAMPLES, COLUMNS).between(start_ms, end_ms),
        readings_after(device_id, end_ms, CONTEXT, COLUMNS),
    ]
    return Columns.join(parts, COLUMNS)


def _gap_shape(device_id: int, events: Sequence[MeterEvent]) -> str | None:
    gaps = [event for event in events if event.kind == MeterEvent.Kind.GAP]
    if not gaps:
        return None
    began_ms = to_ms(gaps[0].timestamp)
    profile = StoredProfiles(device_id, began_ms).profile(began_ms, {})
    return "even" if profile is None else "usual week"
