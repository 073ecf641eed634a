"""The breaker: one asks, the others do not wait for what has just failed."""

from wattkeep.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_who_fails_is_left_alone_and_then_asked_by_one():
    clock = Clock()
    breaker = Breaker(2.0, clock)

    assert breaker.may_ask()
    assert (breaker.fail(), breaker.is_closed) == (True, False)
    clock.now += 1.9
    assert not breaker.may_ask()
    clock.now += 0.1
    assert [breaker.may_ask() for _ in range(3)] == [True, False, False]
    assert not breaker.fail()
    clock.now += 2.0
    assert breaker.may_ask()
    assert (breaker.succeed(), breaker.is_closed) == (True, True)
    assert [breaker.may_ask() for _ in range(3)] == [True, True, True]
    assert not breaker.succeed()


def test_one_that_asks_and_never_tells_keeps_nobody_away_for_good():
    clock = Clock()
    breaker = Breaker(2.0, clock)
    breaker.fail()

    clock.now += 2.0
    assert breaker.may_ask()
    clock.now += 2.0
    assert breaker.may_ask()
