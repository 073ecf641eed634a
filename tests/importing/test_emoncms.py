"""A feed from emoncms: whatever its times, separators and unit, it becomes a counter."""

import math

import pytest

from wattkeep.importing.files import ImportFileError

START_S = 1_700_000_000
START_MS = START_S * 1000


def feed(values, step_s=10, form="{},{}"):
    return "\n".join(form.format(START_S + step_s * n, value) for n, value in enumerate(values))


def test_a_counter_is_told_from_its_course(read):
    content = read(feed([12 + n / 1000 for n in range(20)]))

    assert (content.format, content.refused) == ("emoncms", [])
    assert content.counters == [(START_MS + 10_000 * n, 12 + n / 1000) for n in range(20)]
    assert all(math.isnan(power) for power in content.powers)
    assert content.notes == ("the values look like a counter in kWh (--unit says otherwise)",)


def test_a_counter_that_would_rise_too_fast_is_in_wh(read):
    content = read(feed([12_000 + 3 * n for n in range(20)]))

    assert content.counters[-1] == (START_MS + 190_000, 12.057)
    assert "a counter in Wh" in content.notes[0]


def test_power_is_integrated_and_a_gap_is_left_empty(read):
    values = [360, 720, 360, 360, 360, 360, 360, 360, 360, 360, 360, 360]
    gap = f"\n{START_S + 1000},3600\n{START_S + 1010},3600\n"

    content = read(feed(values) + gap)

    energies = [energy for _, energy in content.counters]
    assert energies[:3] == [0.0, 0.0015, 0.003]
    assert energies[11] == 0.012
    assert energies[12:] == [0.012, 0.022]
    assert content.powers[:2] == [360.0, 720.0]
    assert content.notes == (
        "the values look like a power in W (--unit says otherwise)",
        "the counter is made from the power, from 0",
    )


def test_hourly_means_are_no_gaps(read):
    content = read(feed([500.0] * 12, step_s=3600), unit="W")

    assert content.counters[-1] == (START_MS + 11 * 3_600_000, 5.5)


@pytest.mark.parametrize(
    ("content", "counters"),
    [
        ("2023-11-14 23:13:20;1,5\n2023-11-14 23:13:30;1,6\n", [1.5, 1.6]),
        ("1700000000000, 1.5\n1700000010000, 1.6\n", [1.5, 1.6]),
        ('"1700000000","1.5"\n"1700000010","1.6"\n', [1.5, 1.6]),
        ("time,kWh\n1700000000,1.5\n1700000010,1.6\n", [1.5, 1.6]),
        ("1700000000\t1.5\n1700000010\t1.6\n", [1.5, 1.6]),
    ],
    ids=["local and decimal commas", "milliseconds", "quoted", "titles", "tabs"],
)
def test_forms_of_the_export(read, content, counters):
    found = read(content, unit="kWh", format="emoncms")

    assert found.refused == []
    assert found.counters == [
        (START_MS + 10_000 * n, counter) for n, counter in enumerate(counters)
    ]


def test_missing_values_and_bad_lines_are_told_apart(read):
    content = read(
        f"{START_S},100\n{START_S + 10},null\n{START_S + 20},\n{START_S + 30},abc\n"
        f"{START_S + 40},-5\n{START_S + 30},100\n{START_S + 50}\n{START_S - 5},100\n",
        unit="W",
        format="emoncms",
    )

    assert content.blank == [2, 3]
    assert content.refused == [
        (4, "value is not a number: 'abc'"),
        (5, "power is below zero: -5"),
        (7, "1 columns where 2 are needed"),
        (8, f"time does not move forward: {START_S - 5},100"),
    ]
    assert [row.line for row in content.rows] == [1, 6]


def test_a_time_in_the_future_costs_its_own_line_only(read):
    content = read(
        f"{START_S},360\n{START_S + 9_000_000},360\n{START_S + 10},360\n",
        unit="W",
        format="emoncms",
        now_ms=START_MS + 10_000,
    )

    assert content.refused == [(2, f"in the future: {START_S + 9_000_000},360")]
    assert content.counters == [(START_MS, 0.0), (START_MS + 10_000, 0.001)]


def test_one_of_several_feeds_is_chosen(read):
    text = feed([f"100,{12 + n / 1000}" for n in range(20)])

    assert read(text).notes[0] == "column 1 of 2 is read (--column chooses another)"
    assert read(text, column=2).counters[-1] == (START_MS + 190_000, 12.019)
    with pytest.raises(ImportFileError, match="there is no column 3: the file has 2 with values"):
        read(text, column=3)


def test_too_little_to_guess_from_has_to_be_told(read):
    with pytest.raises(ImportFileError, match="add --unit W, kW, Wh or kWh"):
        read(feed([1, 2, 3]))
