"""What the senders sent and what the server acknowledged, to be held against the database.

Every reading of a device carries a counter of its own as its energy, and the counter decides all
its other values: a row tells by itself which reading it is and whether it is whole.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 5


class Fate(IntEnum):
    """How far a reading came, as its sender knows."""

    MADE = 0
    SENT = 1
    ACKED = 2
    REFUSED = 3  # answered 503: "nothing was stored"


class Row(NamedTuple):
    """A reading as the database holds it."""

    device_id: int
    timestamp_ms: int
    values: tuple[float, ...]

    @property
    def counter(self):
        return round(self.values[3] * 1000)


def steps_of(counter):
    """Return dV, mA, dW, Wh, dHz and hundredths of the reading with this counter."""
    # Over 5,000 W now and then, so that incidents open and close among it all.
    power_dw = counter * 7 % 40_000 + (20_000 if counter // 50 % 7 == 0 else 0)
    return (
        2000 + counter % 500,
        counter % 20_000 + 1,
        power_dw,
        counter,
        480 + counter % 40,
        counter % 101,
    )


def values_of(counter):
    """Return the six values of the reading with this counter, as they must be stored."""
    steps = (10, 1000, 10, 1000, 10, 100)
    return tuple(value / step for value, step in zip(steps_of(counter), steps, strict=True))


@dataclass
class DeviceJournal:
    """One device's readings by counter, from 1 on."""

    device_id: int
    # Where the sender gives the time, it too follows from the counter.
    first_ms: int | None = None
    fates: bytearray = field(default_factory=lambda: bytearray(1))
    silent_sent: int = 0
    silent_acked: int = 0

    def make(self):
        """Return the counter of a new reading."""
        self.fates.append(Fate.MADE)
        return len(self.fates) - 1

    def mark(self, counters: Iterable[int], fate: Fate):
        for counter in counters:
            self.fates[counter] = max(self.fates[counter], fate)

    def instant_ms(self, counter):
        """Return the time a reading was sent with, or None where the server gave it one."""
        return None if self.first_ms is None else self.first_ms + counter * 1000

    def count(self, fate: Fate):
        return self.fates.count(fate)


@dataclass
class Journal:
    """Everything that was sent, and what looked wrong on the way."""

    devices: dict[int, DeviceJournal] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    oddities: list[str] = field(default_factory=list)
    strict_refusals: bool = True

    def open(self, device_id, first_ms=None):
        return self.devices.setdefault(device_id, DeviceJournal(device_id, first_ms))

    def note(self, oddity):
        self.oddities.append(oddity)

    def problems(self, rows: Iterable[Row], silences: dict[int, int]):
        """Return what the database holds and should not, or should and does not."""
        seen = {device_id: bytearray(len(one.fates)) for device_id, one in self.devices.items()}
        found = _Findings()
        for row in rows:
            self._judge(row, seen, found)
        for device_id, one in self.devices.items():
            for counter, fate in enumerate(one.fates):
                if fate == Fate.ACKED and not seen[device_id][counter]:
                    found.add("acknowledged and not stored", f"device {device_id}: {counter}")
            windows = silences.get(device_id, 0)
            if not one.silent_acked <= windows <= one.silent_sent:
                bounds = f"{one.silent_acked} acknowledged, {one.silent_sent} sent"
                found.add("silent windows", f"device {device_id}: {windows} stored, {bounds}")
        return [*found.lines(), *self.oddities[:SHOWN]]

    def _judge(self, row, seen, found):
        one = self.devices.get(row.device_id)
        counter = row.counter
        if one is None or not 0 < counter < len(one.fates) or one.fates[counter] == Fate.MADE:
            found.add("stored and never sent", row)
            return
        if seen[row.device_id][counter]:
            found.add("stored twice", row)
        seen[row.device_id][counter] = 1
        if one.fates[counter] == Fate.REFUSED and self.strict_refusals:
            found.add("stored though the answer was 503", row)
        if row.values != values_of(counter):
            found.add("stored with other values", row)
        if one.instant_ms(counter) not in {None, row.timestamp_ms}:
            found.add("stored at another time", row)


class _Findings:
    def __init__(self):
        self._found: dict[str, list[str]] = {}

    def add(self, kind, what):
        self._found.setdefault(kind, []).append(str(what))

    def lines(self):
        return [
            f"{len(items)} × {kind}: {'; '.join(items[:SHOWN])}"
            for kind, items in self._found.items()
        ]
