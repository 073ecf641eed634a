"""Workers that die, and workers that do not end."""

import pytest

from wattkeep.serving import EARLY_S, LONGEST_RESPAWN_S, RESPAWN_S, WorkerPlace, end_all


class Worker:
    """A process as far as its keeper knows it."""

    exitcode = 1

    def __init__(self, is_alive=True, ends=True):
        self._is_alive = is_alive
        self._ends = ends
        self.told = []

    def is_alive(self):
        return self._is_alive

    def terminate(self):
        self.told.append("terminate")
        self._is_alive = not self._ends and self._is_alive

    def join(self, _within_s=None):
        self.told.append("join")

    def kill(self):
        self.told.append("kill")
        self._is_alive = False

    def die(self):
        self._is_alive = False


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


def started_after(place, clock, made):
    """Return how long a dead worker's place stays empty."""
    died = clock.now
    count = len(made)
    place.process.die()
    while len(made) == count:
        place.look()
        clock.now += 0.25
    return clock.now - 0.25 - died


def test_a_worker_that_dies_again_and_again_is_started_ever_later(clock):
    made = []
    place = WorkerPlace(lambda: made.append(Worker()) or made[-1], clock)

    pauses = [started_after(place, clock, made) for _ in range(8)]

    assert pauses == [2, 4, 8, 16, 32, LONGEST_RESPAWN_S, LONGEST_RESPAWN_S, LONGEST_RESPAWN_S]


def test_one_that_lived_for_long_is_started_at_once(clock):
    made = []
    place = WorkerPlace(lambda: made.append(Worker()) or made[-1], clock)
    started_after(place, clock, made)
    clock.now += EARLY_S

    assert started_after(place, clock, made) == RESPAWN_S


def test_a_living_worker_is_left_alone(clock):
    made = []
    place = WorkerPlace(lambda: made.append(Worker()) or made[-1], clock)
    clock.now += 10_000
    place.look()

    assert len(made) == 1


def test_who_does_not_end_is_killed():
    willing, stubborn = Worker(), Worker(ends=False)

    end_all([willing, stubborn], within_s=0)

    assert willing.told == ["terminate", "join"]
    assert stubborn.told == ["terminate", "join", "kill", "join"]
