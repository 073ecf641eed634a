"""Cells of files: numbers and instants, and words for what is neither."""

import pytest

from wattkeep.domain.cells import finite, iso_ms, positive, timestamp_ms

AT_MS = 1_763_886_000_123


@pytest.mark.parametrize(
    "text", ["1763886000.123", "2025-11-23T08:20:00.123Z", "2025-11-23T09:20:00.123+01:00"]
)
def test_an_instant_is_read(text):
    assert timestamp_ms(text) == AT_MS


@pytest.mark.parametrize(
    ("read", "text", "complaint"),
    [
        (timestamp_ms, "1763886000000", "timestamp is not a Unix time in seconds"),
        (timestamp_ms, "nan", "timestamp is not a Unix time in seconds"),
        (timestamp_ms, "yesterday", "timestamp is neither ISO 8601 nor Unix seconds"),
        (iso_ms, "2025-11-23T08:20:00", "timestamp has no UTC offset"),
        (lambda text: finite("power", text), "one", "power is not a number: 'one'"),
        (lambda text: finite("power", text), "-inf", "power is not a finite number: '-inf'"),
        (lambda text: positive("power", text), "-0.1", "power is below zero: '-0.1'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_none_is_refused_in_words(read, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        read(text)


def test_zero_is_not_below_zero():
    assert positive("power", "0") == finite("power", "-0") == 0
