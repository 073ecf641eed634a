"""The rate limit of a device."""

from types import SimpleNamespace

from wattkeep.ingest.limits import FORGET_EVERY_S, RateLimit


def make(rate, burst):
    now = SimpleNamespace(s=1000.0)
    return now, RateLimit(rate, burst, clock=lambda: now.s)


def test_a_burst_passes_then_the_rate_holds():
    now, limit = make(rate=2, burst=3)

    assert [limit.wait_s(1) for _ in range(4)] == [0, 0, 0, 0.5]
    now.s += 0.5
    assert [limit.wait_s(1), limit.wait_s(1)] == [0, 0.5]


def test_devices_do_not_share_a_bucket():
    _, limit = make(rate=1, burst=1)

    assert [limit.wait_s(1), limit.wait_s(2), limit.wait_s(1)] == [0, 0, 1]


def test_rate_zero_allows_everything():
    _, limit = make(rate=0, burst=0)

    assert {limit.wait_s(1) for _ in range(1000)} == {0}


def test_full_buckets_are_forgotten_and_empty_ones_are_not():
    now, limit = make(rate=0.01, burst=2)
    limit.wait_s(1)
    limit.wait_s(2)
    limit.wait_s(2)
    now.s += FORGET_EVERY_S + 41  # 1 has filled up again, 2 has not

    limit.wait_s(3)

    assert sorted(limit._buckets) == [2, 3]


def test_a_clock_that_stands_still_gives_nothing():
    _, limit = make(rate=100, burst=1)

    assert limit.wait_s(1) == 0
    assert limit.wait_s(1) == limit.wait_s(1) == 0.01
