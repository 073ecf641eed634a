"""The short way of a plain post: what it takes, and that it answers as the endpoint would."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeep.domain.keys import key_hash
from wattkeep.ingest.batches import Refused
from wattkeep.ingest.decoding import decode, plain_reading
from wattkeep.ingest.endpoint import encode, plain_success
from wattkeep.ingest.plain_posts import Head, read_head

NOW_MS = 1_800_000_000_000
KEY = "abcdefgh_0123456789"
LINES = (
    b"Host: meter.example:8000",
    b"Content-Type: application/json",
    b"X-API-Key: abcdefgh_0123456789",
    b"Content-Length: 110",
)
READING = {
    "voltage": 230.5,
    "current": 2.345,
    "power": 540.67,
    "energy": 12.456,
    "frequency": 50.0,
    "power_factor": 0.98,
}


def head(*lines):
    return b"\r\n".join([b"POST /api/energy-data/ HTTP/1.1", *lines])


def test_a_plain_head_tells_key_and_length():
    assert read_head(head(*LINES)) == Head(key_hash(KEY), 110)


def test_names_and_spaces_are_read_as_http_means_them():
    lines = (
        b"HOST:meter",
        b"content-type:application/JSON",
        b"x-api-key:  abcdefgh_0123456789 \t"[:-2],
        b"content-length: 110",
        b"User-Agent: board 1.2 (ESP8266)",
        b"Connection: Keep-Alive",
        b"Accept: */*",
    )

    assert read_head(head(*lines)) == Head(key_hash(KEY), 110)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Transfer-Encoding: chunked", id="two ways to tell the length"),
        pytest.param(b"Content-Length: 110", id="a header twice"),
        pytest.param(b"X-API-Key: another", id="two keys"),
        pytest.param(b"Expect: 100-continue", id="waits for a go-ahead"),
        pytest.param(b"Connection: close", id="wants the connection closed"),
        pytest.param(b"Upgrade: websocket", id="wants another protocol"),
        pytest.param(b"X-Signature: sha256=00", id="signed"),
        pytest.param(b"X-Device: abcdefgh", id="named by its prefix"),
        pytest.param(b"Content-Encoding: gzip", id="compressed"),
        pytest.param(b"X-Unknown: 1", id="a header nobody knows here"),
        pytest.param(b"Accept : */*", id="a space before the colon"),
        pytest.param(b" folded", id="a folded line"),
        pytest.param(b"Accept: a\nX-API-Key: b", id="a bare line feed"),
        pytest.param(b"Accept: a\rX-API-Key: b", id="a bare carriage return"),
        pytest.param(b"Accept: \x00", id="a control character"),
        pytest.param(b"Accept: \xff", id="not ASCII"),
        pytest.param(b"Accept:", id="an empty value"),
        pytest.param(b"no colon", id="no header at all"),
        pytest.param(b"", id="an empty line"),
    ],
)
def test_what_is_unusual_is_left_to_the_endpoint(line):
    assert read_head(head(*LINES, line)) is None


@pytest.mark.parametrize("missing", range(len(LINES)))
def test_a_head_without_what_it_needs_is_left_to_the_endpoint(missing):
    assert read_head(head(*LINES[:missing], *LINES[missing + 1 :])) is None


@pytest.mark.parametrize("length", [b"", b"-1", b"+5", b"1000", b"0x10", b"1 0", b"1,1"])
def test_only_a_short_decimal_length_is_taken(length):
    assert read_head(head(*LINES[:3], b"Content-Length: " + length)) is None


@pytest.mark.parametrize("kind", [b"text/plain", b"application/json; charset=utf-8", b"json"])
def test_only_json_is_taken(kind):
    assert read_head(head(LINES[0], b"Content-Type: " + kind, *LINES[2:])) is None


def number():
    return st.one_of(
        st.sampled_from([0, 0.0, -0.0, 1, 45, 230.5, 500, 1e300, -1, True, None, "230", [], {}]),
        st.floats(-10, 110_000),
        st.integers(-10, 600),
    )


@given(
    st.fixed_dictionaries(
        {name: st.one_of(st.just(value), number()) for name, value in READING.items()},
        optional={
            "timestamp": st.sampled_from([None, 1_799_999_999, "2026-11-23T10:00:00Z", "x"]),
            "age_s": st.sampled_from([None, 5, -1]),
            "boot": st.just("9f3c21aa"),
            "readings": st.just([]),
            "more": st.just("whatever"),
        },
    )
)
def test_what_is_taken_is_what_the_general_way_makes_of_it(sent):
    body = json.dumps(sent).encode()

    reading = plain_reading(body, 7, NOW_MS)

    if reading is not None:
        general = decode(body, 7, NOW_MS)
        assert (general.readings, general.stamped) == ([reading], [True])
        assert not general.is_array
        assert general.windows is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_reading_are_left_to_the_endpoint(body):
    if plain_reading(body, 7, NOW_MS) is not None:
        try:
            decode(body, 7, NOW_MS)
        except Refused:
            pytest.fail("taken, and the general way refuses it")


def test_a_good_reading_is_taken():
    reading = plain_reading(json.dumps(READING).encode(), 7, NOW_MS)

    assert reading == (7, NOW_MS, *READING.values())


@pytest.mark.parametrize("reading_id", [0, NOW_MS])
def test_the_short_answer_is_the_endpoints(reading_id):
    said = {"status": "success", "message": "Data received successfully", "reading_id": reading_id}

    assert plain_success(reading_id) == encode(said)
