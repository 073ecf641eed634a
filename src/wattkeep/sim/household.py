"""A real household as a load: two weeks of minutes, as history and as a live line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import as_file, files
from itertools import accumulate

from wattkeep.domain.uci import (
    MINUTE_S,
    MW_MINUTES_PER_WH,
    OFFSET_S,
    Minute,
    power_factor,
)
from wattkeep.sim.formats import Sample, read_rows
from wattkeep.sim.load import Load, LoadPoint

SAMPLE_FILE = "household-2007-12.txt.xz"
MINUTES_PER_DAY = 1_440
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY
# Unix time began on a Thursday; the first Monday came four days later.
FIRST_MONDAY_MINUTE = 4 * MINUTES_PER_DAY
# The meter's counter goes to 9,999,999 Wh; here it starts again at 0 after that.
COUNTER_SPAN_WH = 10_000_000
DEFAULT_BASE_WH = 1_482_000

# Appliances switch: a minute's mean holds until shortly before the next one's.
RAMP_MINUTES = 2.0 / 60.0
# Whole turns a minute, so that they add nothing to its energy.
RIPPLES = ((2, 0.010, 1.7), (5, 0.005, 2.9))
VOLTAGE_RIPPLES = ((3, 0.15, 0.9), (7, 0.08, 2.3))
# Period in seconds and Hz; together they leave 50 Hz by more than 0.05 Hz a tenth of the time.
FREQUENCY_WAVES = ((2_713.0, 0.017), (611.0, 0.020), (223.0, 0.014), (71.0, 0.010), (29.0, 0.006))


@dataclass(frozen=True)
class Household:
    """Whole weeks of minutes, repeated for ever.

    A local time's weekday and minute decide which row counts, so history and the live load are one
    curve wherever they are cut. `utc_offset_s` is the local clock's offset (whole minutes count);
    the data's own is one hour.
    """

    rows: tuple[Minute, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.rows or len(self.rows) % MINUTES_PER_WEEK:
            raise ValueError(f"a household needs whole weeks of minutes, not {len(self.rows)} rows")
        if (self._local_minute(self.rows[0].start_s, OFFSET_S)) % MINUTES_PER_WEEK:
            raise ValueError("a household's first row must be a Monday's first minute")

    def history(
        self,
        until: float,
        days: int,
        base_wh: int = DEFAULT_BASE_WH,
        utc_offset_s: int = OFFSET_S,
    ) -> list[Sample]:
        """Return a reading a minute, up to the last whole minute before the Unix time `until`.

        Both ends are there: n days are 1,440 n + 1 readings. Values are in the meter's steps. The
        counter shows `base_wh` at the first reading and starts again at 0 past 9,999,999 Wh. The
        current comes from apparent power, which is finer than the data's own steps of 0.2 A.
        """
        if days < 0:
            raise ValueError(f"days must not be negative: {days}")
        last = math.ceil(until / MINUTE_S) - 1
        first = last - days * MINUTES_PER_DAY
        local = self._local_minute(first * MINUTE_S, utc_offset_s)
        start_mw_minutes = self._used_before(local) - base_wh * MW_MINUTES_PER_WH
        shown = self._shown
        readings = []
        for step in range(last - first + 1):
            # A reading closes the minute before it; the first has none and borrows its own.
            voltage, current, power, factor = shown[(local + max(step - 1, 0)) % len(shown)]
            counter_wh = (self._used_before(local + step) - start_mw_minutes) // MW_MINUTES_PER_WH
            at_s = (first + step) * MINUTE_S
            readings.append(
                Sample(
                    timestamp_ms=at_s * 1000,
                    voltage=voltage,
                    current=current,
                    power=power,
                    energy=counter_wh % COUNTER_SPAN_WH / 1000,
                    frequency=round(frequency_hz(at_s), 1),
                    power_factor=factor,
                )
            )
        return readings

    def counter_wh(self, after: Sample, at: float, utc_offset_s: int = OFFSET_S) -> int:
        """Return what the counter shows at the Unix time `at`, going on from an earlier reading.

        A live meter started with it at that moment continues the history to 1 Wh.
        """
        used_wh = self.energy_wh(after.timestamp_ms / 1000, at, utc_offset_s)
        return int(round(after.energy * 1000) + used_wh) % COUNTER_SPAN_WH

    def energy_wh(self, since: float, until: float, utc_offset_s: int = OFFSET_S) -> float:
        """Return the Wh used between two Unix times."""
        used = self._used_until(until, utc_offset_s) - self._used_until(since, utc_offset_s)
        return used / MW_MINUTES_PER_WH

    def load(self, utc_offset_s: int = OFFSET_S) -> Load:
        """Return the line at any moment: the minute's own mean, alive within the minute."""
        active_mw = [row.active_mw for row in self.rows]
        reactive_mvar = [row.reactive_mvar for row in self.rows]
        voltages = [row.voltage for row in self.rows]

        def load(t: float) -> LoadPoint:
            minute, into = divmod(t / MINUTE_S, 1.0)
            local = self._local_minute(int(minute) * MINUTE_S, utc_offset_s)
            swing = 1.0 + _ripple(RIPPLES, local, into)
            active_w = _ramp(active_mw, local, into) * swing / 1000
            reactive_var = _ramp(reactive_mvar, local, into) * swing / 1000
            apparent_va = math.hypot(active_w, reactive_var)
            voltage_v = _glide(voltages, local, into) + _ripple(VOLTAGE_RIPPLES, local, into)
            return LoadPoint(
                voltage_v=voltage_v,
                current_a=apparent_va / voltage_v,
                power_w=active_w,
                frequency_hz=frequency_hz(t),
                power_factor=active_w / apparent_va if apparent_va else 0.0,
            )

        return load

    @staticmethod
    def _local_minute(unix_s: int, utc_offset_s: int) -> int:
        """Return the local clock's whole minutes since the first Monday of Unix time."""
        return unix_s // MINUTE_S + round(utc_offset_s / MINUTE_S) - FIRST_MONDAY_MINUTE

    @cached_property
    def _used(self) -> list[int]:
        """The mW·min used before each minute of the rows, and by all of them."""
        return list(accumulate((row.active_mw for row in self.rows), initial=0))

    @cached_property
    def _shown(self) -> list[tuple[float, float, float, float]]:
        """Each minute in the meter's steps: V, A, W, power factor."""
        return [_in_meter_steps(row) for row in self.rows]

    def _used_before(self, local_minute: int) -> int:
        """Return the mW·min used since the first Monday of Unix time."""
        rounds, index = divmod(local_minute, len(self.rows))
        return rounds * self._used[-1] + self._used[index]

    def _used_until(self, t: float, utc_offset_s: int) -> float:
        minute, into = divmod(t / MINUTE_S, 1.0)
        local = self._local_minute(int(minute) * MINUTE_S, utc_offset_s)
        before = self._used_before(local)
        return before + (self._used_before(local + 1) - before) * into


def load_sample() -> Household:
    """Return the packaged two weeks; source and licence are in data/README.md."""
    with as_file(files("wattkeep.sim") / "data" / SAMPLE_FILE) as path:
        return Household(tuple(row for row in read_rows(path) if isinstance(row, Minute)))


def frequency_hz(t: float) -> float:
    """Return the mains frequency at a Unix time: invented, since the data set has none."""
    return 50.0 + sum(size * math.sin(math.tau * t / period) for period, size in FREQUENCY_WAVES)


def _in_meter_steps(row: Minute) -> tuple[float, float, float, float]:
    apparent_va = math.hypot(row.active_mw, row.reactive_mvar) / 1000
    return (
        round(row.voltage, 1),
        round(apparent_va / row.voltage, 3),
        round(row.active_mw / 1000, 1),
        power_factor(row.active_mw, row.reactive_mvar),
    )


def _ramp(means: list[int], minute: int, into: float) -> float:
    """Return the mean of the minute, with a short straight way over to its neighbours'.

    What a minute loses at an edge its neighbour gains, so the energy stays what the data say.
    """
    here = means[minute % len(means)]
    if into < RAMP_MINUTES:
        before = means[(minute - 1) % len(means)]
        return (here + before) / 2 + (here - before) / 2 * (into / RAMP_MINUTES)
    if into > 1.0 - RAMP_MINUTES:
        after = means[(minute + 1) % len(means)]
        return (here + after) / 2 - (after - here) / 2 * ((1.0 - into) / RAMP_MINUTES)
    return here


def _glide(means: list[float], minute: int, into: float) -> float:
    """Return the straight line from one minute's middle to the next one's."""
    offset = into - 0.5
    here = means[minute % len(means)]
    other = means[(minute + (1 if offset > 0 else -1)) % len(means)]
    return here + (other - here) * abs(offset)


def _ripple(ripples: tuple[tuple[int, float, float], ...], minute: int, into: float) -> float:
    """Return a small swing that is 0 at the minute's edges and in its mean."""
    return sum(
        size * math.sin(minute * seed) * math.sin(math.tau * turns * into)
        for turns, size, seed in ripples
    )
