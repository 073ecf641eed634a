"""A counter that was set to zero, told from all that looks like it."""

import pytest

from wattkeep.domain.counter_falls import Fall, FallingCounter

COURSES = {
    "rises": ([1000, 1010, 1020, 1030], []),
    "jitters": ([1000, 992, 1001, 995], []),
    "is reset": ([1000, 0, 1, 2], [Fall(10_000, 1000)]),
    "is reset twice": ([1000, 0, 1, 2, 0, 0, 0], [Fall(10_000, 1000)]),
    "is reset far": ([900_000, 0, 20, 40], [Fall(10_000, 900_000)]),
    "glitches down": ([1000, 0, 1000, 1010, 0, 1020], []),
    "glitches up": ([1000, 9_000_000, 1010, 1020, 1030, 1040], []),
    "glitches up twice": ([1000, 9_000_000, 9_000_000, 1020, 1030, 1040], []),
    "rolls over": ([9_999_990, 5, 10, 15], []),
    "is another meter": ([1000, 500_000, 500_010, 500_020, 500_030], []),
    "is another meter that shows less": ([500_000, 1000, 1010, 1020], [Fall(10_000, 499_000)]),
}


@pytest.mark.parametrize(("counters", "falls"), COURSES.values(), ids=COURSES)
def test_counter(counters, falls):
    counter = FallingCounter(0, counters[0], 23_000)

    found = [counter.take(10_000 * index, wh) for index, wh in enumerate(counters)][1:]

    assert [one for one in found if one] == falls


def test_counter_waits_while_a_fall_is_unconfirmed():
    counter = FallingCounter(0, 1000, 23_000)

    assert not counter.is_waiting
    counter.take(10_000, 0)
    assert counter.is_waiting
