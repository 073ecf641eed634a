"""Days, weeks, months and years that people page through, and what they are divided into."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeep.domain.calendar import By, periods
from wattkeep.web.energy_words import bar_words, dates_text, period_title, span_text
from wattkeep.web.periods import (
    MOST_BARS,
    Kind,
    Period,
    after,
    all_months,
    any_days,
    bars_of,
    before,
    period_of,
    usual_bars,
    year_before,
)

PARIS = ZoneInfo("Europe/Paris")
PAGED = [Kind.DAY, Kind.WEEK, Kind.MONTH, Kind.YEAR]
days = st.dates(date(1972, 1, 1), date(2198, 12, 31))


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (Kind.DAY, date(2026, 3, 29), date(2026, 3, 29)),
        (Kind.WEEK, date(2026, 3, 23), date(2026, 3, 29)),
        (Kind.MONTH, date(2026, 3, 1), date(2026, 3, 31)),
        (Kind.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
    ],
    ids=[kind.value for kind in PAGED],
)
def test_period_holds_its_date(kind, first, last):
    assert period_of(kind, date(2026, 3, 29)) == Period(kind, first, last)


@settings(deadline=None, max_examples=30)
@given(days, st.sampled_from(PAGED))
def test_next_and_previous_meet_without_a_hole(day, kind):
    shown = period_of(kind, day)

    assert after(before(shown)) == shown
    assert before(shown).bounds(PARIS)[1] == shown.bounds(PARIS)[0]


@pytest.mark.parametrize(
    ("period", "earlier"),
    [
        (period_of(Kind.DAY, date(2028, 2, 29)), period_of(Kind.DAY, date(2027, 2, 28))),
        # Monday stays beside Monday.
        (period_of(Kind.WEEK, date(2026, 11, 16)), period_of(Kind.WEEK, date(2025, 11, 17))),
        (period_of(Kind.MONTH, date(2026, 2, 1)), period_of(Kind.MONTH, date(2025, 2, 1))),
        (
            any_days(date(2026, 3, 1), date(2026, 3, 10)),
            any_days(date(2025, 3, 1), date(2025, 3, 10)),
        ),
        (all_months(date(2024, 5, 5), date(2026, 1, 1)), None),
    ],
    ids=["leap day", "week", "month", "days", "all"],
)
def test_a_year_before_is_the_same_days(period, earlier):
    assert year_before(period) == earlier


@settings(deadline=None, max_examples=30)
@given(days, st.sampled_from(PAGED), st.integers(1, 30_000))
def test_bars_are_few_enough_and_never_one(day, kind, length):
    last = min(date(2198, 12, 31).toordinal(), day.toordinal() + length)
    for shown in (period_of(kind, day), any_days(day, date.fromordinal(last))):
        assert usual_bars(shown) in bars_of(shown)
        for by in bars_of(shown):
            edges = periods(by, *shown.bounds(UTC), UTC) if by is not By.QUARTER else [0, 0, 0]
            assert 3 <= len(edges) <= MOST_BARS + 10


def test_day_of_the_change_has_23_and_25_bars_with_names_of_their_own():
    names = {}
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        shown = period_of(Kind.DAY, day)
        edges = periods(By.HOUR, *shown.bounds(PARIS), PARIS)
        names[day] = [words.label for words in bar_words(By.HOUR, edges, PARIS, shown)]

    spring, autumn = names.values()
    assert (len(spring), len(autumn), len(set(autumn))) == (23, 25, 25)
    assert spring[1:3] == ["01:00 – 03:00", "03:00 – 04:00"]
    assert autumn[1:4] == [
        "01:00 – 02:00 GMT+2",
        "02:00 GMT+2 – 02:00 GMT+1",
        "02:00 GMT+1 – 03:00",
    ]


@pytest.mark.parametrize(
    ("by", "period", "words"),
    [
        (By.HOUR, period_of(Kind.WEEK, date(2026, 3, 2)),
         ("Mon 2 Mar, 00:00 – 01:00", "Mon 2", "Mon 2 Mar, 00:00", "Mon 2 Mar, 01:00")),
        (By.DAY, period_of(Kind.MONTH, date(2026, 3, 2)),
         ("Sun 1 Mar", "1", "Sun 1 Mar", "Sun 1 Mar")),
        (By.WEEK, period_of(Kind.MONTH, date(2026, 3, 2)),
         ("1 Mar 2026", "1 Mar", "1 Mar 2026", "1 Mar 2026")),
        (By.MONTH, period_of(Kind.YEAR, date(2026, 3, 2)),
         ("January 2026", "Jan", "January 2026", "January 2026")),
        (By.YEAR, all_months(date(2024, 5, 1), date(2026, 3, 1)), ("2024",) * 4),
    ],
)  # fmt: skip
def test_first_bar_is_named(by, period, words):
    start, end = period.bounds(PARIS)
    inner = [edge for edge in periods(by, start, end, PARIS) if start < edge < end]

    assert tuple(bar_words(by, [start, *inner, end], PARIS, period)[0]) == words


@settings(deadline=None, max_examples=30)
@given(days, st.sampled_from([By.HOUR, By.DAY, By.WEEK, By.MONTH]))
def test_bars_of_a_period_have_different_names(day, by):
    shown = period_of(Kind.YEAR if by is not By.HOUR else Kind.WEEK, day)
    edges = [one for one, _ in pairwise(periods(by, *shown.bounds(PARIS), PARIS))]

    labels = [words.label for words in bar_words(by, edges, PARIS, shown)]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("period", "title"),
    [
        (period_of(Kind.DAY, date(2026, 11, 5)), "Thu 5 Nov 2026"),
        (period_of(Kind.WEEK, date(2026, 11, 30)), "30 Nov – 6 Dec 2026"),
        (period_of(Kind.WEEK, date(2026, 12, 31)), "28 Dec 2026 – 3 Jan 2027"),
        (period_of(Kind.MONTH, date(2026, 11, 5)), "November 2026"),
        (period_of(Kind.YEAR, date(2026, 11, 5)), "2026"),
        (all_months(date(2025, 3, 4), date(2026, 11, 5)), "Mar 2025 – Nov 2026"),
        (any_days(date(2026, 11, 9), date(2026, 11, 3)), "3 – 9 Nov 2026"),
    ],
)
def test_period_has_a_title(period, title):
    assert period_title(period) == title


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-18T23:00", "2026-11-19T23:00", "Thu 19 Nov 2026"),
        ("2026-11-18T23:00", "2026-11-20T23:00", "19 – 20 Nov 2026"),
        ("2026-11-19T13:00", "2026-11-19T14:30", "Thu 19 Nov 2026, 14:00 – 15:30"),
        ("2026-11-19T22:00", "2026-11-19T23:00", "Thu 19 Nov 2026, 23:00 – 00:00"),
        ("2026-11-19T13:00", "2026-11-21T14:30", "19 Nov 2026, 14:00 – 21 Nov 2026, 15:30"),
    ],
)
def test_span_is_told_without_saying_anything_twice(start, end, text):
    instants = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (start, end)]

    assert span_text(*instants, PARIS) == text


def test_dates_say_the_year_once():
    assert dates_text(date(2026, 1, 30), date(2026, 2, 2)) == "30 Jan – 2 Feb 2026"
