"""Loads of a home whose main panel is the packaged household, and what each meter would show."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.domain.readings import Reading
from wattkeep.sim.household import Household, load_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from wattkeep.sim.formats import Sample

SAUNA_W = 6_120.0
SAUNA_ON_S = 40 * 60


@dataclass(frozen=True)
class Metered:
    """A metering point: its name, place, the one it is wired behind, and its W of the house's.

    `power` takes the house's W, the local hour, and how many seconds ago this is.
    """

    name: str
    location: str
    parent: str
    power: Callable[[float, float, float], float]
    first_kwh: float = 0.0


def heat_pump_w(house_w: float, hour: float, ago_s: float) -> float:  # noqa: ARG001 - one signature
    """Return what runs when the house uses much."""
    return min(2_400.0, 0.62 * house_w) if house_w > 1_400 else 6.0


def kitchen_w(house_w: float, hour: float, ago_s: float) -> float:  # noqa: ARG001
    """Return a fridge, and more at mealtimes."""
    is_mealtime = any(first <= hour < last for first, last in ((6, 9), (11, 14), (18, 21)))
    return 0.25 * house_w if is_mealtime and house_w > 700 else 45.0


def oven_w(house_w: float, hour: float, ago_s: float) -> float:
    """Return most of what the kitchen uses when it uses much."""
    kitchen = kitchen_w(house_w, hour, ago_s)
    return 0.7 * kitchen if kitchen > 250 else 1.0


def workshop_w(house_w: float, hour: float, ago_s: float) -> float:  # noqa: ARG001
    """Return a bench and its lamps by day."""
    return 60.0 if 8 <= hour < 18 and house_w > 300 else 4.0


def sauna_w(house_w: float, hour: float, ago_s: float) -> float:  # noqa: ARG001
    """Return a stove that was switched on a little while ago."""
    return SAUNA_W if ago_s < SAUNA_ON_S else 2.0


METERED = (
    Metered("House", "Main panel", "", lambda house_w, *_: house_w, 1_482.0),
    Metered("Heat pump", "Cellar", "House", heat_pump_w, 884.2),
    Metered("Kitchen", "Ground floor", "House", kitchen_w, 212.4),
    Metered("Oven", "Ground floor", "Kitchen", oven_w, 96.8),
    Metered("Workshop", "Garage", "House", workshop_w, 31.1),
    Metered("Sauna", "Garden house", "", sauna_w, 402.7),
)


class Meter:
    """What one metering point's meter shows as time goes on.

    It goes on from another's `last_seen`: a Unix time, its W, its counter in kWh.
    """

    def __init__(
        self,
        metered: Metered,
        zone: ZoneInfo,
        now: float,
        last_seen: tuple[float, float, float] | None = None,
    ) -> None:
        self._metered = metered
        self._zone = zone
        self._now = now
        self.last_seen = last_seen or (0.0, 0.0, metered.first_kwh)

    def read(self, sample: Sample, device_id: int) -> Reading:
        """Return its reading while the house's meter shows `sample`."""
        at = sample.timestamp_ms / 1000
        local = time.gmtime(at + offset_s(self._zone, at))
        power = self._metered.power(sample.power, local.tm_hour + local.tm_min / 60, self._now - at)
        before, power_before, energy = self.last_seen
        if before:
            energy += (at - before) * (power + power_before) / 2 / 3_600_000
        self.last_seen = (at, power, energy)
        return Reading(
            device_id,
            sample.timestamp_ms,
            sample.voltage,
            round(power / sample.voltage / 0.97, 3),
            round(power, 1),
            round(energy, 3),
            sample.frequency,
            0.97,
        )


def offset_s(zone: ZoneInfo, at: float) -> int:
    """Return a zone's offset from UTC at a Unix time."""
    from datetime import datetime

    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def past(zone: ZoneInfo, days: int, step_minutes: int, until: float) -> list[Sample]:
    """Return the house's readings of the last days, one every `step_minutes`."""
    samples = load_sample().history(until, days, utc_offset_s=offset_s(zone, until))
    return samples[::-step_minutes][::-1]


def live(household: Household, zone: ZoneInfo) -> Iterator[Sample]:
    """Return what the house's meter shows at the moment it is asked, without end."""
    from wattkeep.sim.formats import Sample as Shown

    load = household.load(offset_s(zone, time.time()))
    while True:
        at = time.time()
        point = load(at)
        yield Shown(
            timestamp_ms=round(at * 1000),
            voltage=round(point.voltage_v, 1),
            current=round(point.current_a, 3),
            power=round(point.power_w, 1),
            energy=0.0,
            frequency=round(point.frequency_hz, 1),
            power_factor=round(point.power_factor, 2),
        )
