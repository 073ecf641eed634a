"""How long an incident may be put aside."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattkeep.web.snoozes import SNOOZES, next_monday, snooze_until

PARIS = ZoneInfo("Europe/Paris")
WEDNESDAY = datetime(2026, 11, 25, 14, 3, tzinfo=UTC)

MONDAYS = {
    "from a Wednesday": ("2026-11-25T15:00", "2026-11-30T07:00"),
    "from Sunday's last minute": ("2026-11-29T23:59", "2026-11-30T07:00"),
    "from Monday before it": ("2026-11-30T06:59", "2026-11-30T07:00"),
    "from Monday at it": ("2026-11-30T07:00", "2026-12-07T07:00"),
    "from Monday after it": ("2026-11-30T09:00", "2026-12-07T07:00"),
    "over the end of summer time": ("2026-10-24T12:00", "2026-10-26T07:00"),
}


@pytest.mark.parametrize(("now", "expected"), MONDAYS.values(), ids=MONDAYS)
def test_monday_is_the_next_one_on_the_sites_clock(now, expected):
    at = datetime.fromisoformat(now).replace(tzinfo=PARIS)

    found = next_monday(at.astimezone(UTC), PARIS)

    assert found == datetime.fromisoformat(expected).replace(tzinfo=PARIS)


@pytest.mark.parametrize("asked", [value for value, _ in SNOOZES if value.isdecimal()])
def test_hours_are_hours(asked):
    assert snooze_until(asked, WEDNESDAY, PARIS) == WEDNESDAY + timedelta(hours=int(asked))


@pytest.mark.parametrize("asked", ["", "0", "None", "-4", "99999", "Monday"])
def test_anything_else_is_the_shortest(asked):
    assert snooze_until(asked, WEDNESDAY, PARIS) == WEDNESDAY + timedelta(hours=1)
