"""Long-term statistics of Home Assistant, CSV or JSON: made into counter readings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from wattkeep.importing.files import ImportFileError
from wattkeep.importing.rows import NAN, Entry, Row
from wattkeep.importing.statistics import HOUR_MS, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterator

ENERGY_KWH = {"Wh": 0.001, "kWh": 1.0, "MWh": 1000.0, "GJ": 1 / 0.0036, "MJ": 1 / 3.6}
POWER_KW = {"W": 0.001, "kW": 1.0, "MW": 1000.0}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a file's series make the device's history; a counter, a power, or both."""

    energy: tuple[Statistic, ...] = ()
    power: tuple[Statistic, ...] = ()


def choose_series(
    statistics: list[Statistic], series: str | None, unit: str | None
) -> tuple[Chosen, list[str]]:
    """Return the series to read and, in words, what was chosen.

    Raises:
        ImportFileError: nothing there is energy or power, or several are and none was named.
    """
    by_name: dict[str, list[Statistic]] = {}
    for one in statistics:
        by_name.setdefault(one.name, []).append(one)
    if series is not None and series not in by_name:
        raise ImportFileError(f"there is no series {series!r} in it; there is {_names(by_name)}")
    energy = [name for name, rows in by_name.items() if _is_energy(rows, unit)]
    power = [name for name, rows in by_name.items() if _is_power(rows, unit)]
    if series is not None:
        energy = [name for name in energy if name == series]
        power = [name for name in power if name == series or (energy and len(power) == 1)]
    if len(energy) > 1 or (not energy and len(power) > 1):
        raise ImportFileError(
            f"several series could be meant: name one with --series: {_names(energy or power)}"
        )
    if not energy and not power:
        units = Counter(one.unit or "no unit" for one in statistics)
        hint = " Add --unit kWh, Wh or W." if units["no unit"] else ""
        raise ImportFileError(
            f"no series is an energy (with sum, state or delta) or a power (with mean): "
            f"{_names(by_name)}; units: {', '.join(units)}.{hint}"
        )
    notes = [f"the counter is made from {(energy or power)[0]}"]
    if energy and len(power) == 1:
        notes.append(f"the power comes from {power[0]}")
    return (
        Chosen(
            tuple(_with_unit(_of_one_kind(by_name[energy[0]]), unit) if energy else ()),
            tuple(_with_unit(by_name[power[0]], unit) if len(power) == 1 else ()),
        ),
        notes,
    )


def read_chosen(chosen: Chosen) -> Iterator[Entry]:
    """Yield a reading for the end of each interval, which is when its figures were true.

    Where an interval does not follow the one before and says how much it added, its start gets a
    reading too: its energy is known to lie inside it.
    """
    main = sorted(chosen.energy or chosen.power, key=lambda one: one.start_ms)
    length_ms = usual_length_ms(main)
    means_w = {
        one.start_ms: one.mean * POWER_KW[one.unit] * 1000
        for one in chosen.power
        if one.mean is not None
    }
    total_kwh = 0.0
    last_ms: int | None = None
    for one in main:
        end_ms = one.end_ms if one.end_ms is not None else one.start_ms + length_ms
        added_kwh = _added_kwh(one, end_ms)
        counter_kwh = _counter_kwh(one)
        total_kwh += added_kwh or 0.0
        if counter_kwh is None:
            counter_kwh = total_kwh
        power_w = means_w.get(one.start_ms, NAN)
        if last_ms != one.start_ms and added_kwh is not None and counter_kwh >= added_kwh:
            yield Row(one.line, one.start_ms, round(counter_kwh - added_kwh, 6), power_w)
        last_ms = end_ms
        yield Row(one.line, end_ms, round(counter_kwh, 6), power_w)


def usual_length_ms(statistics: list[Statistic]) -> int:
    """Return how long an interval is where it does not say: what two starts mostly lie apart."""
    steps = Counter(after.start_ms - before.start_ms for before, after in pairwise(statistics))
    steps.pop(0, None)
    return steps.most_common(1)[0][0] if steps else HOUR_MS


def _counter_kwh(one: Statistic) -> float | None:
    value = one.sum if one.sum is not None else one.state
    return None if value is None or one.unit not in ENERGY_KWH else value * ENERGY_KWH[one.unit]


def _added_kwh(one: Statistic, end_ms: int) -> float | None:
    if one.unit in ENERGY_KWH:
        return None if one.added is None else one.added * ENERGY_KWH[one.unit]
    if one.mean is None:
        return None
    return one.mean * POWER_KW[one.unit] * (end_ms - one.start_ms) / HOUR_MS


def _is_energy(rows: list[Statistic], unit: str | None) -> bool:
    return (rows[0].unit or unit) in ENERGY_KWH and any(
        one.sum is not None or one.state is not None or one.added is not None for one in rows
    )


def _is_power(rows: list[Statistic], unit: str | None) -> bool:
    return (rows[0].unit or unit) in POWER_KW and any(one.mean is not None for one in rows)


def _of_one_kind(rows: list[Statistic]) -> list[Statistic]:
    """Return the intervals that have what the counter is made from: sum, else state, else change.

    `sum` has the meter's own resets taken out.
    """
    for kind in ("sum", "state", "added"):
        if having := [one for one in rows if getattr(one, kind) is not None]:
            return having
    return []


def _with_unit(rows: list[Statistic], unit: str | None) -> Iterator[Statistic]:
    return (one if one.unit else one.with_unit(unit or "") for one in rows)


def _names(names: object) -> str:
    found = list(names)  # type: ignore[call-overload]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""  # noqa: PLR2004
    return ", ".join(found[:8]) + more
