"""The UCI household data set: its clock, its missing minutes, and a counter made from power."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.importing.rows import Row
from wattkeep.importing.uci import read_uci

OWN = (
    "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;"
    "Sub_metering_1;Sub_metering_2;Sub_metering_3"
)
COPY = (
    "date_time,Global_active_power,Global_reactive_power,Voltage,Global_intensity,"
    "Sub_metering_1,Sub_metering_2,Sub_metering_3"
)
# 17:24 on a clock that is one hour ahead of UTC.
START_MS = int(datetime(2006, 12, 16, 16, 24, tzinfo=UTC).timestamp() * 1000)
MINUTE_MS = 60_000


@pytest.mark.parametrize(
    "content",
    [
        (
            f"{OWN}\n16/12/2006;17:24:00;4.216;0.418;234.840;18.400;0.000;1.000;17.000\n"
            "16/12/2006;17:25:00;?;?;?;?;?;?;\n"
            "16/12/2006;17:26:00;5.374;0.498;233.290;23.000;0.000;2.000;17.000\n"
        ),
        (
            f"{COPY}\n2006-12-16 17:24:00,4.216,0.418,234.84,18.4,0.0,1.0,17.0\n"
            "2006-12-16 17:25:00,,,,,,,\n"
            "2006-12-16 17:26:00,5.374,0.498,233.29,23.0,0.0,2.0,17.0\n"
        ),
    ],
    ids=["the data set's", "a copy's"],
)
def test_minutes_become_what_a_meter_would_have_shown(read, content):
    content = read(content)

    assert (content.format, content.refused, content.blank) == ("uci", [], [3])
    assert content.rows == [
        Row(2, START_MS, 0.0, 4216.0, 234.84, 18.4, 50.0, 1.0),
        Row(2, START_MS + MINUTE_MS, 0.07, 4216.0, 234.84, 18.4, 50.0, 1.0),
        # Its energy lies within its minute, not in the gap before.
        Row(4, START_MS + 2 * MINUTE_MS, 0.07, 5374.0, 233.29, 23.0, 50.0, 1.0),
        Row(4, START_MS + 3 * MINUTE_MS, 0.159, 5374.0, 233.29, 23.0, 50.0, 1.0),
    ]
    assert "UTC+01:00" in content.notes[0]


def test_lines_that_make_no_sense_are_refused_and_do_not_count(read):
    content = read(
        f"{OWN}\n1/1/2007;00:00:00;6;0;240;25;0;0;0\n1/1/2007;00:00:00;6;0;240;25;0;0;0\n"
        "1/1/2007;00:01:00;-6;0;240;25;0;0;0\n1/1/2007;00:02;6\n31/2/2007;00:02:00;6;0;240;25;0;0;0\n"
        "1/1/2007;00:01:00;6;0;240;25;0;0;0\n"
    )

    assert [energy for _, energy in content.counters] == [0.0, 0.1, 0.2]
    assert content.refused == [
        (3, "time does not move forward: 2007-01-01 00:00:00"),
        (4, "global_active_power is below zero: '-6'"),
        (5, "3 columns where the header has 9"),
        (6, "not a date: '31/2/2007'"),
    ]


@given(minutes=st.lists(st.none() | st.integers(0, 12_000), min_size=1, max_size=200))
def test_the_counter_is_the_sum_of_the_minutes_to_1_wh_wherever_it_is_cut(minutes):
    lines = [OWN]
    for number, watts in enumerate(minutes):
        at = f"1/1/2007;{number // 60:02}:{number % 60:02}:00"
        power = "?" if watts is None else f"{watts / 1000}"
        lines.append(f"{at};{power};0;240;25;0;0;0")

    rows = [one for one in read_uci(lines, ";") if isinstance(one, Row)]

    assert all(before.timestamp_ms < after.timestamp_ms for before, after in pairwise(rows))
    begin_ms = rows[0].timestamp_ms if rows else 0
    first = next((n for n, watts in enumerate(minutes) if watts is not None), 0)
    for row in rows:
        until = first + (row.timestamp_ms - begin_ms) // MINUTE_MS
        used = sum(watts or 0 for watts in minutes[:until])
        assert abs(row.energy * 1000 * 60 - used) < 60
