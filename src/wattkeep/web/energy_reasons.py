"""Why a figure is what it is, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.consumption import to_kwh
from wattkeep.history.why import why
from wattkeep.ledger.blocks import BlockError
from wattkeep.ledger.readings import last_reading
from wattkeep.monitoring.models import LedgerMark, MeterEvent
from wattkeep.web.energy_words import instant_text
from wattkeep.web.wording import exact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wattkeep.domain.corrections import Energy
    from wattkeep.monitoring.models import Correction, Device

SENTENCES = 20
SHAPES = {
    "even": "so it is spread evenly over that time",
    "usual week": "so it is spread the way this device's usual week goes",
}
Kind = MeterEvent.Kind


class Reason(NamedTuple):
    """A sentence, and what it is about: measured, estimated, corrected, late or event."""

    about: str
    text: str


def reasons_for(
    device: Device, start: datetime, end: datetime, used: Energy, corrections: Sequence[Correction]
) -> list[Reason]:
    """Return what made a device's figure of a span: its parts first, then what happened."""
    zone = device.site.zone
    found = MeterEvent.objects.filter(device_id=device.pk, timestamp__lt=end, until__gte=start)
    events = list(found.order_by("timestamp", "kind")[:500])
    said = [*_of_parts(used), *(_of_correction(one, zone) for one in corrections)]
    counters = _counters(device, start, end, zone)
    if counters:
        said.append(Reason("measured", counters))
    said += _of_events(device, events, zone)
    if LedgerMark.objects.filter(device_id=device.pk, start__lt=end).exists():
        said.append(
            Reason("late", "Readings came late and are being taken up: look again in a minute.")
        )
    return said


def _of_parts(used: Energy) -> list[Reason]:
    if not used.total_mwh:
        return [Reason("measured", "Nothing was counted in this time.")]
    said = []
    if used.measured_mwh == used.total_mwh:
        return [Reason("measured", "All of it was counted by the meter, reading by reading.")]
    if used.measured_mwh:
        kwh = _kwh(used.measured_mwh)
        said.append(Reason("measured", f"{kwh} kWh was counted by the meter, reading by reading."))
    if used.estimated_mwh:
        kwh = _kwh(used.estimated_mwh)
        words = f"{kwh} kWh is estimated: its amount or its place in time was worked out."
        said.append(Reason("estimated", words))
    if used.corrected_mwh:
        said.append(Reason("corrected", f"{_kwh(used.corrected_mwh)} kWh was set by a person."))
    return said


def _of_correction(one: Correction, zone: ZoneInfo) -> Reason:
    author = one.author.get_username() if one.author else "Somebody who is gone"
    span = f"{instant_text(one.start, zone)} to {instant_text(one.end, zone)}"
    if one.energy_wh is None:
        what = f"left {span} out of every sum"
    else:
        what = f"set {span} to {_kwh_of(one.energy_wh)} kWh"
    return Reason("corrected", f"{author} {what}: “{one.reason}”")


def _counters(device: Device, start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return what the meter showed at the span's ends, as far as readings are kept."""
    try:
        first = last_reading(device.pk, to_ms(start))
        last = last_reading(device.pk, to_ms(end))
    except BlockError:
        return "A sealed day of readings cannot be read; `wattkeep doctor` says more."
    if last is None or first == last:
        return ""
    shown = [one for one in (first, last) if one is not None]
    texts = [
        f"{_kwh_of(one.energy * 1000)} kWh on {instant_text(from_ms(one.timestamp_ms), zone)}"
        for one in shown
    ]
    return f"The meter's counter showed {' and '.join(texts)}."


def _of_events(device: Device, events: Sequence[MeterEvent], zone: ZoneInfo) -> list[Reason]:
    once = [event for event in events if event.kind in SAYINGS]
    shape = _gap_shape(device, once)
    said = [
        Reason("estimated" if event.kind in {Kind.GAP, Kind.JUMP} else "event",
               SAYINGS[Kind(event.kind)](event, zone, shape))
        for event in once[:SENTENCES]
    ]  # fmt: skip
    if len(once) > SENTENCES:
        more = len(once) - SENTENCES
        said.append(Reason("event", f"{more} more such events: look into a shorter time."))
    return said + _counted(events)


def _counted(events: Sequence[MeterEvent]) -> list[Reason]:
    """Return what is only worth a number."""
    said = []
    dips = sum(max(1, event.windows) for event in events if event.kind == Kind.JITTER)
    if dips:
        words = f"The counter dipped by a few Wh {_times(dips)}. Nothing was added for that."
        said.append(Reason("event", words))
    starts = sum(event.kind == Kind.BOOT for event in events)
    if starts:
        said.append(Reason("event", f"The board started {_times(starts)}."))
    return said


def _gap_shape(device: Device, events: Sequence[MeterEvent]) -> str:
    """Return how a gap's energy was spread; the first gap's stands for all."""
    gap = next((event for event in events if event.kind == Kind.GAP), None)
    if gap is None:
        return ""
    return SHAPES.get(why(device, gap.timestamp).gap_shape or "", SHAPES["even"])


def _gap(event: MeterEvent, zone: ZoneInfo, shape: str) -> str:
    words = f"No readings {_from_to(event, zone)}."
    if event.energy_wh:
        words += (
            f" The meter counted {_wh(event.energy_wh)} meanwhile. That amount is right;"
            f" when exactly it was used is not known, {shape}."
        )
    return words


def _reset(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return (
        f"The meter's counter was set to zero {_until(event, zone)} (it had shown"
        f" {_wh(event.before_wh)}). What it shows since then is new use and counted."
    )


def _rollover(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return (
        f"The counter reached its end {_until(event, zone)} and began at zero again."
        " Use on both sides is counted."
    )


def _glitch(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    value = "" if event.after_wh is None else f" ({_wh(event.after_wh)})"
    return (
        f"The counter was misread {_times(max(1, event.windows))} at"
        f" {instant_text(event.timestamp, zone)}{value}. Those readings are not counted."
    )


def _jump(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return (
        f"The counter went from {_wh(event.before_wh)} to {_wh(event.after_wh)}"
        f" {_until(event, zone)}, as if it were another meter's. The jump is not counted; what was"
        " used in between is worked out from the power. If the meter was replaced, note it on the"
        " device's page."
    )


def _swap(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    counters = ""
    if event.before_wh is not None and event.after_wh is not None:
        old, new = _wh(event.before_wh), _wh(event.after_wh)
        counters = f": the old counter ended at {old}, the new one began at {new}"
    note = f" “{event.note}”" if event.note else ""
    return f"The meter or board was replaced {_until(event, zone)}{counters}.{note}"


def _silent(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return f"The board was there, but its meter did not answer {_from_to(event, zone)}."


SAYINGS: dict[Any, Callable[[MeterEvent, ZoneInfo, str], str]] = {
    Kind.GAP: _gap,
    Kind.RESET: _reset,
    Kind.ROLLOVER: _rollover,
    Kind.GLITCH: _glitch,
    Kind.JUMP: _jump,
    Kind.SWAP: _swap,
    Kind.SILENT: _silent,
}


def _from_to(event: MeterEvent, zone: ZoneInfo) -> str:
    return f"from {instant_text(event.timestamp, zone)} to {instant_text(event.until, zone)}"


def _until(event: MeterEvent, zone: ZoneInfo) -> str:
    return f"by {instant_text(event.until, zone)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _kwh(mwh: int) -> str:
    return exact_text(to_kwh(mwh), 3)


def _kwh_of(wh: float) -> str:
    return exact_text(wh / 1000, 3)


def _wh(wh: float | None) -> str:
    return "an unknown counter" if wh is None else f"{exact_text(wh / 1000, 3)} kWh"
