"""The numbers of a boot: whatever the order, each is taken once and the watermark is exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.sequence import MOST_RUNS, Arrived, TooManyHolesError


@given(st.lists(st.integers(1, 40), max_size=120))
def test_take_is_true_once_a_number_in_any_order(seqs):
    arrived = Arrived()
    seen = set()

    for seq in seqs:
        assert arrived.take(seq) is (seq not in seen)
        seen.add(seq)

    gapless = next(n for n in range(1, 42) if n not in seen) - 1
    assert arrived.watermark == gapless
    assert [seq for seq in range(1, 45) if seq in arrived] == sorted(seen)


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(1, 60))
def test_giving_up_settles_everything_below_and_nothing_else(seqs, oldest):
    arrived = Arrived()
    for seq in seqs:
        arrived.take(seq)

    arrived.give_up_below(oldest)

    expected = set(seqs) | set(range(1, oldest))
    assert [seq for seq in range(1, 65) if seq in arrived] == sorted(expected)
    assert arrived.watermark >= oldest - 1


@given(st.lists(st.integers(1, 200), max_size=80))
def test_what_is_stored_comes_back_the_same(seqs):
    arrived = Arrived()
    for seq in seqs:
        arrived.take(seq)

    again = Arrived.from_stored(arrived.watermark, arrived.runs_text())

    assert again == arrived


def test_runs_are_separate_and_sorted():
    arrived = Arrived()
    for seq in (9, 1, 5, 4, 12, 11):
        arrived.take(seq)

    assert (arrived.watermark, arrived.runs_text()) == (1, "4-5,9,11-12")


def test_a_run_too_many_is_refused_and_changes_nothing():
    arrived = Arrived()
    for index in range(MOST_RUNS):
        arrived.take(3 + 2 * index)
    before = arrived.copy()

    with pytest.raises(TooManyHolesError):
        arrived.take(10_000)

    assert arrived == before
    assert arrived.take(1)
    assert arrived.watermark == 1
