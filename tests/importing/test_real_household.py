"""A real household's minutes: every local day exact to 1 Wh, and the total whatever is cut out.

The packaged two weeks; with UCI_CSV=path the whole data set (47 months, some ten minutes).
"""

import csv
import os
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from wattkeep.domain.calendar import day_bounds, day_start
from wattkeep.domain.counter import GAP_MS
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.consumption import used_between
from wattkeep.history.export import readings_csv
from wattkeep.importing.sources import Options, open_source
from wattkeep.importing.storing import Target, store_file
from wattkeep.ledger.readings import COLUMNS, readings_between
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergySlot, MeterEvent
from wattkeep.unpacking import unpacked

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
END_MS = to_ms(NOW)
MINUTE_MS = 60_000
WHOLE = os.environ.get("UCI_CSV")
CUTS = 200 if WHOLE else 25
LONGEST_CUT_MIN = 3 * 1440 if WHOLE else 720


@pytest.fixture(scope="module")
def data():
    with as_file(files("wattkeep.sim") / "data/household-2007-12.txt.xz") as packaged:
        yield Path(WHOLE) if WHOLE else packaged


def days_of(path):
    """Return {local day: Wh}, added up from the file's own text."""
    totals = defaultdict(Decimal)
    local_days = {}
    with path.open("rb") as raw, unpacked(raw) as stream:
        lines = (line.decode() for line in stream)
        header = next(lines)
        delimiter = ";" if header.startswith("Date;") else ","
        for cells in csv.reader(lines, delimiter=delimiter):
            if delimiter == ";":
                day, time, power = cells[:3]
                stamp = "-".join(f"{int(part):02}" for part in reversed(day.split("/"))) + time
                stamp = f"{stamp[:10]} {stamp[10:]}"
            else:
                stamp, power = cells[:2]
            if power in {"", "?"}:
                continue
            hour = stamp[:13]
            if hour not in local_days:
                utc = datetime.fromisoformat(f"{hour}:00+01:00")
                local_days[hour] = utc.astimezone(PARIS).date()
            totals[local_days[hour]] += Decimal(power)
    return {day: kw_minutes * 1000 / 60 for day, kw_minutes in totals.items()}


def bring_in(path, device):
    store_file(open_source(path, Options(PARIS)), Target(device.pk, END_MS))
    update_device(device.pk, NOW)


def total_mwh(device):
    slots = EnergySlot.objects.filter(device_id=device.pk)
    return sum(map(sum, slots.values_list("measured_mwh", "estimated_mwh")))


def test_each_local_day_is_the_files_own_sum_and_cuts_change_no_total(data, owner, tmp_path):
    device = create_device(owner, "Whole")[0]
    expected = days_of(data)

    bring_in(data, device)

    days = sorted(expected)
    edges = [day_start(day, PARIS) for day in [*days, days[-1] + timedelta(days=1)]]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    used = used_between([device], edges)[device.pk]
    worst = max(
        abs(Decimal(energy.total_mwh) / 1000 - expected[day])
        for day, energy in zip(days, used, strict=True)
    )
    assert worst < 1
    changes = [day for day in days if hours_of(day) != 24]
    assert len(changes) == (8 if WHOLE else 0)
    print(f"{len(days)} days, the worst is off by {worst:.3f} Wh; clock changes: {changes}")
    check_with_cuts(device, owner, tmp_path)


def hours_of(day: date):
    start, end = day_bounds(day, PARIS)
    return (end - start) / timedelta(hours=1)


def check_with_cuts(whole, owner, tmp_path):
    """Import the device's readings again, without some spans: the total stays, gaps are marked."""
    readings = readings_between(whole.pk, 0, END_MS)
    at = readings.timestamps
    keep = np.ones(len(at), np.bool_)
    rng = random.Random(20061216)
    for _ in range(CUTS):
        length = round(60_000 * LONGEST_CUT_MIN ** rng.random())
        start = rng.randrange(int(at[0]) + 1, int(at[-1]) - length)
        keep &= (at < start) | (at >= start + length)
    keep[0] = keep[-1] = True
    path = tmp_path / "cut.csv"
    with path.open("w") as out:
        number = 0
        for chunk in readings_csv(whole, from_ms(0), NOW):
            for line in chunk.splitlines():
                if number == 0 or keep[number - 1]:
                    out.write(f"{line}\n")
                number += 1
    assert number == len(at) + 1
    device = create_device(owner, "Cut")[0]

    bring_in(path, device)

    left = at[keep]
    assert np.array_equal(readings_between(device.pk, 0, END_MS).timestamps, left)
    assert total_mwh(device) == total_mwh(whole)
    gaps = np.flatnonzero(np.diff(left) > GAP_MS)
    marked = MeterEvent.objects.filter(device_id=device.pk, kind="gap").order_by("timestamp")
    assert [
        (to_ms(start), to_ms(end)) for start, end in marked.values_list("timestamp", "until")
    ] == [(int(left[n]), int(left[n + 1])) for n in gaps]
    assert not MeterEvent.objects.filter(device_id=device.pk).exclude(kind="gap").exists()
    print(f"{CUTS} cuts, {len(at) - len(left)} readings; {len(gaps)} gaps; total the same")


def test_what_is_exported_and_imported_again_is_the_same_to_the_bit(data, owner, tmp_path):
    first, second = (create_device(owner, name)[0] for name in ("First", "Second"))
    start, end = datetime(2007, 12, 5, tzinfo=UTC), datetime(2007, 12, 7, tzinfo=UTC)
    store_file(open_source(data, Options(PARIS)), Target(first.pk, END_MS))
    path = tmp_path / "export.csv"
    path.write_text("".join(readings_csv(first, start, end)))

    store_file(open_source(path, Options(PARIS)), Target(second.pk, END_MS))

    ours, theirs = (
        readings_between(device.pk, to_ms(start), to_ms(end), COLUMNS) for device in (first, second)
    )
    assert np.array_equal(ours.timestamps, theirs.timestamps)
    assert len(ours) == 2880
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in COLUMNS)
