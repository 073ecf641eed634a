from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.backups.rotation import (
    Keep,
    drop_old,
    file_name,
    newest,
    owner_mark,
    taken_at,
    to_drop,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
instants = st.sets(
    st.integers(0, 2_000_000).map(lambda minutes: NOON - timedelta(minutes=minutes)), max_size=60
)
rules = st.builds(Keep, st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))


def test_daily_backups_of_a_year_leave_days_weeks_and_months():
    taken = [NOON - timedelta(days=back) for back in range(365)]

    kept = sorted(set(taken) - to_drop(taken, Keep(3, 2, 2)), reverse=True)

    assert [f"{at:%m-%d}" for at in kept] == ["11-23", "11-22", "11-21", "10-31"]


@given(instants, rules)
def test_the_newest_is_kept_and_dropping_again_drops_nothing(taken, keep):
    dropped = to_drop(taken, keep)

    assert dropped <= taken
    assert not taken or max(taken) not in dropped
    assert len(taken - dropped) <= 1 + keep.days + keep.weeks + keep.months
    assert to_drop(taken - dropped, keep) == set()


@pytest.mark.parametrize("text", ["", "0d", "7", "7x", "d7", "-1d", "99999d"])
def test_a_rule_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"write how many|would keep no"):
        Keep.parse(text)


def test_a_rule_reads_as_it_is_written():
    assert Keep.parse("7d, 4w 12m") == Keep(7, 4, 12)
    assert Keep.parse("30d") == Keep(30, 0, 0)


def test_other_files_are_left_alone(tmp_path):
    ours, theirs = owner_mark("our key"), owner_mark("their key")
    names = [file_name(NOON - timedelta(days=back), ours) for back in range(3)]
    others = [file_name(NOON + timedelta(days=ahead), theirs) for ahead in range(3)]
    for name in [*names, *others, "wattkeep-holiday.wattkeep", "notes.txt"]:
        (tmp_path / name).write_text("")

    dropped = drop_old(tmp_path, Keep(2, 0, 0), ours)

    assert [path.name for path in dropped] == [names[2]]
    assert len(list(tmp_path.iterdir())) == 7
    assert newest(tmp_path, ours) == NOON == taken_at(tmp_path / names[0], ours)
    assert taken_at(tmp_path / names[0], theirs) is None
    assert newest(tmp_path / "missing", ours) is None
