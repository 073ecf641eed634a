"""A machine whose clock is not set yet: nothing gets a time of 1970."""

import asyncio
import json

import pytest

from running import READING
from wattkeep.domain.instants import FIRST_MS
from wattkeep.domain.keys import key_hash
from wattkeep.ingest.endpoint import CLOCK_NOT_SET, IngestEndpoint
from wattkeep.ingest.keys import Identity
from wattkeep.ingest.limits import RateLimit
from wattkeep.ingest.plain_posts import Head, PlainPosts

BODY = json.dumps(READING).encode()


class Keys:
    """Knows every key."""

    async def of_key(self, _key):
        return Identity(1, 1, signed_only=False)

    def is_strange(self, **_words):
        return False

    def known(self, _hash):
        return Identity(1, 1, signed_only=False)


class Room:
    def is_almost_full(self):
        return False


class Writer:
    """Takes everything."""

    has_room = True

    def __init__(self):
        self.taken = []

    def write_arriving(self, reading, _now_ms, _answer):
        self.taken.append(reading)

    def note_contact(self, *_):
        self.taken.append("contact")


@pytest.mark.parametrize("now_s", [0, 3600, FIRST_MS / 1000 - 1])
def test_readings_are_refused_and_kept_by_their_board(now_s):
    writer, limit, sent = Writer(), RateLimit(100, 1000), []
    parts = Keys(), writer, limit, Room(), lambda: now_s
    headers = [(b"x-api-key", b"key"), (b"content-type", b"application/json")]
    scope = {"method": "POST", "headers": headers}

    async def receive():
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(IngestEndpoint(*parts)(scope, receive, send))
    was_taken = PlainPosts(*parts).take(Head(key_hash("key"), len(BODY)), BODY, print)

    assert (sent[0]["status"], was_taken) == (503, False)
    assert dict(sent[0]["headers"])[b"retry-after"] == b"30"
    assert json.loads(sent[1]["body"]) == {"error": CLOCK_NOT_SET}
    assert writer.taken == []


def test_they_are_taken_once_it_is_set():
    writer = Writer()
    posts = PlainPosts(Keys(), writer, RateLimit(100, 1000), Room(), lambda: FIRST_MS / 1000)

    assert posts.take(Head(key_hash("key"), len(BODY)), BODY, print)
    assert [reading.timestamp_ms for reading in writer.taken] == [FIRST_MS]
