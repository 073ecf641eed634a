"""Corrections over slots: exact, in proportion, and undone without a trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.corrections import Corrected, Energy, apply_corrections
from wattkeep.domain.slots import SLOT_MS

energies = st.builds(Energy, st.integers(0, 5_000_000), st.integers(0, 5_000_000))
slots = st.dictionaries(st.integers(0, 40).map(lambda n: n * SLOT_MS), energies, max_size=20)


@st.composite
def corrections(draw):
    """Return intervals that do not overlap."""
    edges = draw(st.lists(st.integers(0, 40), unique=True, max_size=8).map(sorted))
    wanted = st.none() | st.integers(0, 10_000_000)
    return [
        Corrected(first * SLOT_MS, last * SLOT_MS, draw(wanted))
        for first, last in zip(edges[::2], edges[1::2], strict=False)
    ]


def total(slots, start_ms, end_ms):
    return sum(one.total_mwh for at, one in slots.items() if start_ms <= at < end_ms)


@given(slots, corrections())
def test_each_interval_has_what_the_correction_says_and_the_rest_is_as_it_was(before, wanted):
    after = apply_corrections(before, wanted)

    for start_ms, end_ms, energy_mwh in wanted:
        assert total(after, start_ms, end_ms) == (energy_mwh or 0)
    inside = {at for start, end, _ in wanted for at in range(start, end, SLOT_MS)}
    assert {at: one for at, one in after.items() if at not in inside} == {
        at: one for at, one in before.items() if at not in inside
    }
    assert all(one.corrected_mwh >= 0 for one in after.values())
    assert all(
        not (one.measured_mwh or one.estimated_mwh) for at, one in after.items() if at in inside
    )


@given(slots, corrections(), st.data())
def test_a_correction_and_its_undoing_are_nothing(before, wanted, data):
    untouched = dict(before)
    left = data.draw(st.lists(st.sampled_from(wanted), unique=True)) if wanted else []

    apply_corrections(before, wanted)

    # Slots are never overwritten: what is left decides, not what there was in between.
    assert before == untouched
    assert apply_corrections(before, []) == before
    assert apply_corrections(before, left) == apply_corrections(untouched, left)


def test_energy_is_spread_in_proportion_to_what_was_there():
    before = {0: Energy(1000), SLOT_MS: Energy(2000, 1000), 3 * SLOT_MS: Energy(0)}

    after = apply_corrections(before, [Corrected(0, 4 * SLOT_MS, 1000)])

    assert after == {
        0: Energy(corrected_mwh=250),
        SLOT_MS: Energy(corrected_mwh=750),
        3 * SLOT_MS: Energy(),
    }


def test_energy_is_spread_evenly_where_nothing_was():
    after = apply_corrections({}, [Corrected(0, 3 * SLOT_MS, 1000)])

    assert [after[at].corrected_mwh for at in sorted(after)] == [333, 334, 333]


def test_nothing_leaves_the_interval_out_of_every_sum():
    before = {0: Energy(5), SLOT_MS: Energy(7)}

    assert apply_corrections(before, [Corrected(0, SLOT_MS, None)]) == {
        0: Energy(),
        SLOT_MS: Energy(7),
    }


def test_corrections_that_overlap_are_refused():
    both = [Corrected(0, 2 * SLOT_MS, 1), Corrected(SLOT_MS, 3 * SLOT_MS, 1)]

    with pytest.raises(ValueError, match="overlap"):
        apply_corrections({}, both)
