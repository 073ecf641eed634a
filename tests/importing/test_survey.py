"""What a file is said to hold, and how it joins what is there, before anything is stored."""

import pytest

from importing.past import HEADER, MINUTE_MS, NOW_MS, START_MS, line, stored, text
from wattkeep.importing.files import ImportFileError
from wattkeep.importing.storing import Target, store_file
from wattkeep.importing.survey import Gap, Join, Point, survey_file

HOUR = range(60)


def bring_in(device, opened, numbers, **options):
    store_file(opened(text(numbers, **options), "before.csv"), Target(device.pk, NOW_MS))


def test_a_file_is_described(device, opened):
    numbers = [*range(100), *range(110, 200), *range(1000, 3000)]

    found = survey_file(opened(text(numbers)), device, NOW_MS)

    assert found.tally.readings == 2190
    assert (found.first, found.last) == (
        Point(START_MS, 1.0),
        Point(START_MS + 2999 * MINUTE_MS, 30.99),
    )
    assert found.energy_kwh == pytest.approx(29.99, abs=1e-9)
    assert (found.falls, found.step_ms, found.overlapping, found.joins) == (0, MINUTE_MS, 0, ())
    assert (found.gaps, found.missing_ms) == (2, (801 + 11) * MINUTE_MS)
    assert found.longest == (
        Gap(801 * MINUTE_MS, START_MS + 199 * MINUTE_MS),
        Gap(11 * MINUTE_MS, START_MS + 99 * MINUTE_MS),
    )
    assert stored(device) == []


def test_the_order_of_days_does_not_matter(device, opened):
    numbers = [*range(1440, 2880), *range(1440)]

    found = survey_file(opened(text(numbers)), device, NOW_MS)

    assert (found.gaps, found.falls) == (0, 0)
    assert found.energy_kwh == pytest.approx(28.79, abs=1e-9)


def test_a_file_without_any_order_is_refused(device, opened):
    jumping = [day * 1440 + minute for minute in range(400) for day in (0, 1, 2)]

    with pytest.raises(ImportFileError, match="its lines jump between days; sort them by time"):
        survey_file(opened(text(jumping)), device, NOW_MS)


def test_falls_of_the_counter_are_counted(device, opened):
    lines = [HEADER, *(line(n) for n in range(50)), *(line(n, base_wh=-500) for n in range(50, 60))]

    found = survey_file(opened("\n".join(lines)), device, NOW_MS)

    assert found.falls == 1
    assert found.energy_kwh == pytest.approx(0.58, abs=1e-9)


def test_impossible_readings_are_refused_with_their_lines(device, opened):
    lines = [
        HEADER,
        line(0),
        line(1).replace("230.5", "0"),
        line(2).replace("600.0", "1e6"),
        line(3).replace("230.5", "-1"),
        line(0),
        line(4).replace(",1.0\n", ",1.5").removesuffix("1.0") + "1.5",
        "1960-01-01T00:00:00.000Z,,,,1,,",
        "2024-07-02T00:00:00.000Z,,,,1,,",
        line(5),
    ]

    found = survey_file(opened("\n".join(lines)), device, NOW_MS)

    assert found.tally.readings == 2
    assert sorted((one.line, one.reason) for one in found.tally.told) == [
        (3, "0 V with 600 W and 2.603 A cannot be: the meter did not answer."),
        (4, "1e+06 W cannot be: 500 V and 100 A make at most 50,000 W."),
        (5, "voltage is below zero: -1"),
        (6, "the same time as a line before: 2024-06-01 00:00:00 UTC"),
        (7, "power_factor is above one: 1.5"),
        (8, "before 1970"),
        (9, "in the future: 2024-07-02 00:00:00 UTC"),
    ]


def test_a_file_without_a_reading_is_told(device, opened):
    with pytest.raises(ImportFileError, match=r"no reading in it\n  line 2: energy is missing"):
        survey_file(opened(f"{HEADER}\n2024-06-01T00:00:00Z,1,1,1,,1,1\n"), device, NOW_MS)


def test_counters_that_go_on_join(device, opened):
    bring_in(device, opened, range(-60, 0))
    bring_in(device, opened, range(1500, 1600))

    found = survey_file(opened(text(range(1440))), device, NOW_MS)

    assert found.overlapping == 0
    assert found.joins == (
        Join(Point(START_MS - MINUTE_MS, 0.99), found.first, False, True),
        Join(found.last, Point(START_MS + 1500 * MINUTE_MS, 16.0), True, True),
    )


def test_counters_of_another_base_do_not_join_unless_they_are_aligned(device, opened):
    bring_in(device, opened, range(1500, 1600), base_wh=-14_900)
    source = opened(text(range(1440)))

    plain = survey_file(source, device, NOW_MS)
    aligned = survey_file(source, device, NOW_MS, align=True)

    assert [join.continues for join in plain.joins] == [False]
    assert [join.continues for join in aligned.joins] == [True]
    assert aligned.shift_kwh == pytest.approx(0.1 - 15.39)


def test_aligned_to_what_is_there_in_between(device, opened):
    bring_in(device, opened, range(700, 720), base_wh=500_000)

    found = survey_file(opened(text(range(1440))), device, NOW_MS, align=True)

    assert found.overlapping == 20
    assert found.shift_kwh == 499.0


def test_aligned_to_what_came_before_if_nothing_follows(device, opened):
    bring_in(device, opened, range(-60, 0), base_wh=500_000)

    found = survey_file(opened(text(range(1440))), device, NOW_MS, align=True)

    # 499.99 before, 1.0 in the file.
    assert found.shift_kwh == 498.99
    assert found.joins[0].continues


def test_an_aligned_import_that_was_cut_off_is_aligned_the_same(device, opened):
    bring_in(device, opened, range(5000, 5100), base_wh=0)
    source = opened(text(range(4000)))
    first = survey_file(source, device, NOW_MS, align=True)
    part = opened(text(range(2000)), "part.csv")
    store_file(part, Target(device.pk, NOW_MS, first.shift_kwh))

    again = survey_file(source, device, NOW_MS, align=True)
    store_file(source, Target(device.pk, NOW_MS, again.shift_kwh))

    assert again.shift_kwh == first.shift_kwh
    counters = [row[4] for row in stored(device)]
    assert len(counters) == 4100
    assert counters[:4000] == [
        round((1000 + n * 10) / 1000 + first.shift_kwh, 9) for n in range(4000)
    ]
    assert counters[3999] == counters[4000] == 50.0


def test_alone_there_is_nothing_to_be_aligned_to(device, opened):
    found = survey_file(opened(text(HOUR)), device, NOW_MS, align=True)

    assert (found.shift_kwh, found.joins) == (0.0, ())
