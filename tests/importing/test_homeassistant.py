"""Statistics from Home Assistant, in every shape its tools write them."""

import json
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wattkeep.importing.files import ImportFileError

HOUR_MS = 3_600_000
# 2026-02-25, 10:00 in Paris.
START_MS = int(datetime(2026, 2, 25, 9, tzinfo=UTC).timestamp() * 1000)
ENERGY, POWER = "sensor.house_energy", "sensor.house_power"
# Hours that begin at 10, 11 and 12, with the counter at their end.
COUNTERS = [(START_MS + HOUR_MS * hours, kwh) for hours, kwh in enumerate([0.0, 1.0, 2.5, 4.5])]


def hours(**figures):
    """Return three hours' intervals as Home Assistant answers them."""
    return [
        {
            "start": START_MS + HOUR_MS * n,
            "end": START_MS + HOUR_MS * (n + 1),
            **{name: values[n] for name, values in figures.items()},
        }
        for n in range(3)
    ]


TABLE = (
    "statistic_id\tunit\tstart\tmin\tmax\tmean\tsum\tstate\tdelta\n"
    f"{ENERGY}\tkWh\t25.02.2026 10:00\t\t\t\t1\t101\t1\n"
    f"{ENERGY}\tkWh\t25.02.2026 11:00\t\t\t\t2.5\t102.5\t1.5\n"
    f"{ENERGY}\tkWh\t25.02.2026 12:00\t\t\t\t4.5\t104.5\t2\n"
    f"{POWER}\tW\t25.02.2026 10:00\t900\t1100\t1000\n"
    f"{POWER}\tW\t25.02.2026 11:00\t1400\t1600\t1500\n"
    "sensor.humidity\t%\t25.02.2026 10:00\t45\t55\t50\n"
)


def test_a_table_gives_the_counter_at_each_hours_end_and_the_mean_power(read):
    content = read(TABLE, name="export.tsv")

    assert (content.format, content.refused, content.blank) == ("homeassistant", [], [])
    assert content.counters == COUNTERS
    assert content.powers[:3] == [1000.0, 1000.0, 1500.0]
    assert math.isnan(content.powers[3])
    assert content.notes == (
        f"the counter is made from {ENERGY}",
        f"the power comes from {POWER}",
    )


def test_decimal_commas_and_another_zone_are_followed(read):
    text = (
        "statistic_id;unit;start;state;sum;delta\n"
        f"{ENERGY};Wh;2026-02-25 09:00;101000;1000;1000\n"
        f"{ENERGY};Wh;2026-02-25 10:00;;2500,0;1500\n"
    )

    assert read(text, zone=ZoneInfo("UTC")).counters == COUNTERS[:3]


JSON_FORMS = {
    "statistics_during_period": {ENERGY: hours(sum=[1, 2.5, 4.5], change=[1, 1.5, 2])},
    "with its result": {
        "id": 7,
        "type": "result",
        "result": {ENERGY: hours(sum=[1, 2.5, 4.5], change=[1, 1.5, 2])},
    },
    "recorder.get_statistics": {
        "statistics": {
            ENERGY: [
                {
                    "start": f"2026-02-25T{9 + n:02}:00:00+00:00",
                    "end": f"2026-02-25T{10 + n:02}:00:00+00:00",
                    "change": change,
                }
                for n, change in enumerate([1, 1.5, 2])
            ]
        }
    },
    "an export": {ENERGY: {"unit_of_measurement": "kWh", "statistics": hours(change=[1, 1.5, 2])}},
    "an import's": {
        "timezone_identifier": "America/Los_Angeles",
        "entities": [
            {
                "id": ENERGY,
                "unit": "kWh",
                "values": [
                    {"datetime": f"25.02.2026 0{1 + n}:00", "sum": total, "delta": delta}
                    for n, (total, delta) in enumerate([(1, 1), (2.5, 1.5), (4.5, 2)])
                ],
            }
        ],
    },
    "a list": [{"statistic_id": ENERGY, "unit": "kWh", **one} for one in hours(delta=[1, 1.5, 2])],
}


@pytest.mark.parametrize("form", JSON_FORMS.values(), ids=JSON_FORMS)
def test_json_is_read_in_every_shape(read, form):
    content = read(json.dumps(form), name="statistics.json", unit="kWh")

    assert (content.refused, content.counters) == ([], COUNTERS)


def test_the_energy_dashboards_download_is_read(read):
    text = (
        "entity_id,type,unit,2026-02-25T09:00:00.000Z,2026-02-25T10:00:00.000Z,"
        "2026-02-25T11:00:00.000Z\n"
        f"{ENERGY},grid_consumption,kWh,1,1.5,2\nsensor.solar,solar_production,kWh,0,0,1\n"
        ",calculated_total,kWh,1,1.5,3\n"
    )

    assert read(text, series=ENERGY).counters == COUNTERS
    with pytest.raises(ImportFileError, match=f"--series: {ENERGY}, sensor.solar"):
        read(text)


def test_an_hour_after_a_gap_keeps_its_energy_if_it_says_how_much(read):
    intervals = hours(sum=[1, 2.5, 4.5], change=[1, 1.5, 2])
    del intervals[1]

    content = read(json.dumps({ENERGY: intervals}), unit="kWh")

    assert content.counters == [*COUNTERS[:2], COUNTERS[2], COUNTERS[3]]


def test_a_counter_that_says_no_more_begins_at_the_first_hours_end(read):
    content = read(json.dumps({ENERGY: hours(state=[101, 102.5, 104.5])}), unit="kWh")

    assert content.counters == [(at, kwh + 100) for at, kwh in COUNTERS[1:]]


def test_mean_power_alone_is_made_into_a_counter(read):
    content = read(json.dumps({POWER: hours(mean=[1000, 1500, 2000])}), unit="W")

    assert content.counters == COUNTERS
    assert content.powers == [1000.0, 1000.0, 1500.0, 2000.0]


def test_the_hour_that_comes_twice_is_two_hours(read):
    rows = [("01:00", 1), ("02:00", 2), ("02:00", 3), ("03:00", 4)]
    lines = "".join(f"{ENERGY},kWh,27.10.2024 {face},{total},1\n" for face, total in rows)

    content = read(f"statistic_id,unit,start,sum,delta\n{lines}")

    start_ms = int(datetime(2024, 10, 26, 23, tzinfo=UTC).timestamp() * 1000)
    assert content.counters == [(start_ms + HOUR_MS * n, float(n)) for n in range(5)]


def test_lines_that_make_no_sense_are_refused(read):
    content = read(
        "statistic_id,unit,start,sum\n"
        f"{ENERGY},kWh,25.02.2026 10:00,1\n{ENERGY},kWh,yesterday,2\n"
        f"{ENERGY},kWh,25.02.2026 12:00,much\n{ENERGY},kWh,25.02.2026 13:00,\n"
        f"{ENERGY},kWh,25.02.2026 14:00,5,6,7\n"
    )

    assert content.blank == [5]
    assert content.refused == [
        (3, "not a time: 'yesterday'"),
        (4, "sum is not a number: 'much'"),
        (6, "6 columns where the header has 4"),
    ]


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        ("{", {}, "not JSON"),
        ('{"a": 1}', {}, "no statistics in it"),
        (TABLE, {"series": "sensor.x"}, "there is no series 'sensor.x' in it; there is sensor"),
        (
            json.dumps({ENERGY: hours(sum=[1, 2, 3])}),
            {},
            f"no series is an energy .* or a power .*: {ENERGY}; units: no unit. Add --unit",
        ),
        ("a,b\n1,2\n", {"format": "homeassistant"}, "neither JSON nor a table"),
    ],
    ids=["no JSON", "other JSON", "no such series", "no unit", "another table"],
)
def test_what_cannot_be_read_is_told(read, content, options, complaint):
    with pytest.raises(ImportFileError, match=complaint):
        read(content, **options)
