"""What a board says, decoded: whatever arrives is a report that can be stored, or is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boarding import report
from wattkeep.boards.reports import (
    BadReportError,
    Health,
    Report,
    decode_file_request,
    decode_report,
)

NOTHING = Health(None, None, None, None, None, None, None)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(report())), value=anything)
def test_whatever_is_said_can_be_stored_or_is_refused(name, value):
    body = json.dumps({**report(log="x", update="confirmed"), name: value}).encode()
    try:
        decoded = decode_report(body)
    except BadReportError:
        return
    texts = [decoded.boot, decoded.firmware, decoded.slot, decoded.log, decoded.update]
    texts += [result for _, result in decoded.done]
    assert all("\0" not in text and text.encode() is not None for text in texts)
    assert (len(decoded.boot), len(decoded.log)) <= (16, 1000)
    assert decoded.slot in {"a", "b", ""}
    assert all(abs(number) <= 2**53 for number, _ in decoded.done)
    figures = [getattr(decoded.health, figure) for figure in Health.__dataclass_fields__]
    assert all(one is None or abs(one) <= 2**53 for one in figures)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_bytes_that_are_no_report_are_refused(body):
    for decode in (decode_report, decode_file_request):
        with pytest.raises(BadReportError):
            decode(body)


def test_least_that_is_a_report():
    body = b'{"boot": "b", "nonce": "0123abcd", "config_version": 0, "firmware": ""}'

    assert decode_report(body) == Report("b", "0123abcd", 0, "", "", NOTHING, (), "", "")


@pytest.mark.parametrize("field", ["boot", "nonce"])
def test_line_break_at_the_end_is_none_of_its_letters(field):
    said = report()

    with pytest.raises(BadReportError):
        decode_report(json.dumps({**said, field: f"{said[field]}\n"}).encode())


def test_letters_that_no_database_takes_are_replaced():
    decoded = decode_report(b'{"boot": "b", "nonce": "0123abcd", "config_version": 0,'
                            b' "firmware": "1\\u0000", "log": "a\\u0000b"}')  # fmt: skip

    assert (decoded.firmware, decoded.log) == ("1 ", "a b")
