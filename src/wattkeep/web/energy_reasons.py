"""Why a figure is what it is, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.consumption import to_kwh
from wattkeep.history.why import why
from wattkeep.ledger.blocks import BlockError
from wattkeep.ledger.readings import last_reading
from wattkeep.monitoring.models import LedgerMark, MeterEvent
from wattkeep.monitoring.wording import exact_text
from wattkeep.web.energy_words import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wattkeep.domain.corrections import Energy
    from wattkeep.monitoring.models import Correction, Device

SENTENCES = 20
SHAPES = {
    "even": lazy("so it is spread evenly over that time"),
    "usual week": lazy("so it is spread the way this device's usual week goes"),
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
            Reason("late", _("Readings came late and are being taken up: look again in a minute."))
        )
    return said


def _of_parts(used: Energy) -> list[Reason]:
    if not used.total_mwh:
        return [Reason("measured", _("Nothing was counted in this time."))]
    said = []
    if used.measured_mwh == used.total_mwh:
        return [Reason("measured", _("All of it was counted by the meter, reading by reading."))]
    if used.measured_mwh:
        kwh = _kwh(used.measured_mwh)
        said.append(
            Reason(
                "measured",
                _("%(kwh)s kWh was counted by the meter, reading by reading.") % {"kwh": kwh},
            )
        )
    if used.estimated_mwh:
        kwh = _kwh(used.estimated_mwh)
        words = _("%(kwh)s kWh is estimated: its amount or its place in time was worked out.") % {
            "kwh": kwh
        }
        said.append(Reason("estimated", words))
    if used.corrected_mwh:
        said.append(
            Reason(
                "corrected",
                _("%(kwh)s kWh was set by a person.") % {"kwh": _kwh(used.corrected_mwh)},
            )
        )
    return said


def _of_correction(one: Correction, zone: ZoneInfo) -> Reason:
    author = one.author.get_username() if one.author else _("Somebody who is gone")
    span = f"{instant_text(one.start, zone)} – {instant_text(one.end, zone)}"
    if one.energy_wh is None:
        what = _("left %(span)s out of every sum") % {"span": span}
    else:
        what = _("set %(span)s to %(kwh)s kWh") % {
            "span": span,
            "kwh": _kwh_of(one.energy_wh),
        }
    return Reason("corrected", f"{author} {what}: “{one.reason}”")


def _counters(device: Device, start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return what the meter showed at the span's ends, as far as readings are kept."""
    try:
        first = last_reading(device.pk, to_ms(start))
        last = last_reading(device.pk, to_ms(end))
    except BlockError:
        return _("A sealed day of readings cannot be read; `wattkeep doctor` says more.")
    if last is None or first == last:
        return ""
    shown = [one for one in (first, last) if one is not None]
    texts = [
        _("%(kwh)s kWh on %(time)s")
        % {
            "kwh": _kwh_of(one.energy * 1000),
            "time": instant_text(from_ms(one.timestamp_ms), zone),
        }
        for one in shown
    ]
    return _("The meter's counter showed %(values)s.") % {"values": _(" and ").join(texts)}


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
        said.append(
            Reason(
                "event",
                _("%(count)s more such events: look into a shorter time.") % {"count": more},
            )
        )
    return said + _counted(events)


def _counted(events: Sequence[MeterEvent]) -> list[Reason]:
    """Return what is only worth a number."""
    said = []
    dips = sum(max(1, event.windows) for event in events if event.kind == Kind.JITTER)
    if dips:
        words = _("The counter dipped by a few Wh %(times)s. Nothing was added for that.") % {
            "times": _times(dips)
        }
        said.append(Reason("event", words))
    starts = sum(event.kind == Kind.BOOT for event in events)
    if starts:
        said.append(Reason("event", _("The board started %(times)s.") % {"times": _times(starts)}))
    return said


def _gap_shape(device: Device, events: Sequence[MeterEvent]) -> str:
    """Return how a gap's energy was spread; the first gap's stands for all."""
    gap = next((event for event in events if event.kind == Kind.GAP), None)
    if gap is None:
        return ""
    return str(SHAPES.get(why(device, gap.timestamp).gap_shape or "", SHAPES["even"]))


def _gap(event: MeterEvent, zone: ZoneInfo, shape: str) -> str:
    words = _("No readings %(from_to)s.") % {"from_to": _from_to(event, zone)}
    if event.energy_wh:
        words += " " + _(
            "The meter counted %(wh)s meanwhile. That amount is right; when exactly it was"
            " used is not known, %(shape)s."
        ) % {"wh": _wh(event.energy_wh), "shape": shape}
    return words


def _reset(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return _(
        "The meter's counter was set to zero %(until)s (it had shown %(wh)s). What it"
        " shows since then is new use and counted."
    ) % {"until": _until(event, zone), "wh": _wh(event.before_wh)}


def _rollover(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return _(
        "The counter reached its end %(until)s and began at zero again. Use on both"
        " sides is counted."
    ) % {"until": _until(event, zone)}


def _glitch(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    value = "" if event.after_wh is None else f" ({_wh(event.after_wh)})"
    return _(
        "The counter was misread %(times)s at %(time)s%(value)s. Those readings are not counted."
    ) % {
        "times": _times(max(1, event.windows)),
        "time": instant_text(event.timestamp, zone),
        "value": value,
    }


def _jump(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return _(
        "The counter went from %(before)s to %(after)s %(until)s, as if it were another"
        " meter's. The jump is not counted; what was used in between is worked out from"
        " the power. If the meter was replaced, note it on the device's page."
    ) % {"before": _wh(event.before_wh), "after": _wh(event.after_wh), "until": _until(event, zone)}


def _swap(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    counters = ""
    if event.before_wh is not None and event.after_wh is not None:
        old, new = _wh(event.before_wh), _wh(event.after_wh)
        counters = _(": the old counter ended at %(old)s, the new one began at %(new)s") % {
            "old": old,
            "new": new,
        }
    note = f" “{event.note}”" if event.note else ""
    return _("The meter or board was replaced %(until)s%(counters)s.%(note)s") % {
        "until": _until(event, zone),
        "counters": counters,
        "note": note,
    }


def _silent(event: MeterEvent, zone: ZoneInfo, _shape: str) -> str:
    return _("The board was there, but its meter did not answer %(from_to)s.") % {
        "from_to": _from_to(event, zone)
    }


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
    return _("from %(start)s to %(end)s") % {
        "start": instant_text(event.timestamp, zone),
        "end": instant_text(event.until, zone),
    }


def _until(event: MeterEvent, zone: ZoneInfo) -> str:
    return _("by %(time)s") % {"time": instant_text(event.until, zone)}


def _times(count: int) -> str:
    return _("once") if count == 1 else _("%(count)s times") % {"count": exact_text(count, 0)}


def _kwh(mwh: int) -> str:
    return exact_text(to_kwh(mwh), 3)


def _kwh_of(wh: float) -> str:
    return exact_text(wh / 1000, 3)


def _wh(wh: float | None) -> str:
    return _("an unknown counter") if wh is None else f"{exact_text(wh / 1000, 3)} kWh"
