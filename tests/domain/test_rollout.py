"""Who gets a release, which version is newer, and when a release has failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.rollout import is_covered, is_failing, is_version, version_key

DEVICES = range(1, 10_001)
versions = st.lists(st.integers(0, 999), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0, 0, 0), (1, 70, 130), (10, 900, 1100), (50, 4800, 5200)]
)
def test_share_of_devices_is_covered(share, least, most):
    assert least <= sum(is_covered(one, "1.2.0", share) for one in DEVICES) <= most


def test_everybody_is_covered_at_100():
    assert all(is_covered(one, "1.2.0", 100) for one in DEVICES)


@given(device=st.integers(1, 2**60), shares=st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_who_is_covered_stays_so_while_the_share_grows(device, shares):
    small, large = sorted(shares)

    assert is_covered(device, "1.2.0", small) <= is_covered(device, "1.2.0", large)


def test_each_version_begins_with_others():
    first = {one for one in DEVICES if is_covered(one, "1.2.0", 10)}
    second = {one for one in DEVICES if is_covered(one, "1.2.1", 10)}

    assert len(first & second) < 200


def test_coverage_does_not_move_from_one_wattkeep_to_the_next():
    covered = [one for one in range(1, 100) if is_covered(one, "1.2.0", 10)]

    assert covered == [2, 16, 45, 54, 67, 80, 98, 99]


@given(first=versions, second=versions)
def test_versions_compare_as_numbers(first, second):
    def stripped(numbers):
        return stripped(numbers[:-1]) if numbers and not numbers[-1] else numbers

    texts = [".".join(map(str, numbers)) for numbers in (first, second)]

    assert all(map(is_version, texts))
    assert (version_key(texts[0]) < version_key(texts[1])) == (stripped(first) < stripped(second))


@pytest.mark.parametrize(
    "text", ["", "dev", "1.", "1.2.3.4.5", "v1.2", "1.2-rc1", " 1", "\u0661.2"]
)
def test_what_is_no_version_is_older_than_all(text):
    assert not is_version(text)
    assert version_key(text) < version_key("0")


@pytest.mark.parametrize(
    ("confirmed", "failed", "missing", "expected"),
    [
        (0, 0, 0, False),
        (0, 1, 0, False),
        (0, 2, 0, True),
        (0, 1, 1, True),
        (38, 2, 0, False),
        (37, 2, 0, True),
        (950, 50, 0, False),
        (950, 50, 1, True),
        (1000, 0, 2, False),
    ],
)
def test_release_fails_above_five_percent_and_one_board(confirmed, failed, missing, expected):
    assert is_failing(confirmed=confirmed, failed=failed, missing=missing) is expected
