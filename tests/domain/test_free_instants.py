"""Free milliseconds: the next one, however long the run of taken ones."""

from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.free_instants import FreeInstants


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 30), st.booleans()), max_size=80))
def test_find_gives_the_first_that_is_not_taken(steps):
    free = FreeInstants()
    taken = set()

    for device_id, at_ms, takes in steps:
        expected = next(ms for ms in range(at_ms, 200) if (device_id, ms) not in taken)
        assert free.find(device_id, at_ms) == expected
        if takes:
            free.take(device_id, expected)
            taken.add((device_id, expected))


def test_a_hundred_thousand_at_one_instant_take_no_time():
    free = FreeInstants()

    for count in range(100_000):
        at_ms = free.find(1, 0)
        free.take(1, at_ms)
        assert at_ms == count
