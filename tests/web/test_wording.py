"""Numbers and times as people read them."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from wattkeep.web.wording import ago_text, labelled_days, labelled_hours, number_text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (None, 1, "–"),
        (0, 2, "0.00"),
        (540.67, 1, "540.7"),
        (5236.4, 1, "5,236"),
        (1976.96, 2, "1,977.0"),
        (12.456, 3, "12.456"),
    ],
)
def test_number_text(value, decimals, text):
    assert number_text(value, decimals) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (1, "just now"),
        (2, "2 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ago_text(seconds, text):
    assert ago_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("zone", "starts", "labels"),
    [
        (
            "Europe/Paris",
            ["2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"],
            ["01:00", "02:00 GMT+2", "02:00 GMT+1"],
        ),
        (
            "Europe/London",
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"],
            ["01:00 GMT+1", "01:00 GMT"],
        ),
        ("Asia/Kolkata", ["2026-10-24T18:30:00Z"], ["00:00"]),
    ],
    ids=["back an hour", "back to GMT", "half-hour zone"],
)
def test_hours_that_come_twice_are_told_apart(zone, starts, labels):
    rows = labelled_hours([{"start": start} for start in starts], ZoneInfo(zone))

    assert [row["label"] for row in rows] == labels


def test_days_are_named():
    rows = labelled_days([{"date": "2026-11-03", "consumption": 1.5}])

    assert rows == [{"date": "2026-11-03", "consumption": 1.5, "label": "Tue 3 Nov"}]
