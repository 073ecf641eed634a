"""What a board says when it asks for news, decoded and bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

MOST_LOG_LETTERS = 1000
MOST_RESULT_LETTERS = 60
MOST_REASON_LETTERS = 100
MOST_DONE = 32
SMALL = 2**31 - 1
LARGE = 2**53

Nonce = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8,32}\Z")]


Number = Annotated[int, msgspec.Meta(ge=0, le=LARGE)]


class BadReportError(Exception):
    """A body that is no report; the message says why."""


class _Sync(msgspec.Struct):
    boot: Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-Za-z_-]{1,16}\Z")]
    nonce: Nonce
    config_version: Number
    firmware: Annotated[str, msgspec.Meta(max_length=32)]
    slot: str = ""
    health: dict[str, Any] = {}
    done: Annotated[list[tuple[Number, str]], msgspec.Meta(max_length=MOST_DONE)] = []
    log: str | None = None
    update: str | None = None


class FileRequest(msgspec.Struct):
    """A piece of a file that a board asks for."""

    nonce: Nonce
    # What a version and a name are made of; anything else could be stored nowhere.
    version: Annotated[str, msgspec.Meta(pattern=r"\A[0-9.]{1,32}\Z")]
    path: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.]{1,64}\Z")]
    offset: Annotated[int, msgspec.Meta(ge=0, le=SMALL)]


@dataclass(frozen=True, slots=True)
class Health:
    """How a board is; None is what it did not tell."""

    uptime_s: int | None
    rssi_dbm: int | None
    free_heap: int | None
    bad_polls: int | None
    backlog: int | None
    resets: int | None
    reset_cause: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """A board's request for news. `update` is "confirmed", "rolled back: <why>" or empty."""

    boot: str
    nonce: str
    config_version: int
    firmware: str
    slot: str
    health: Health
    done: tuple[tuple[int, str], ...]
    log: str
    update: str


_decode_sync = msgspec.json.Decoder(_Sync).decode
_decode_file = msgspec.json.Decoder(FileRequest).decode


def decode_report(body: bytes) -> Report:
    """Return what a board says of itself.

    Only what an answer needs must be right: a health figure that cannot be is left out, and a text
    that is too long is cut, so that a board with a fault can still be told what to do.

    Raises:
        BadReportError: it is not JSON, or what an answer needs is missing.
    """
    try:
        sync = _decode_sync(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReportError(str(error)) from None
    return Report(
        boot=sync.boot,
        nonce=sync.nonce,
        config_version=sync.config_version,
        firmware=_text(sync.firmware, 32),
        slot=sync.slot if sync.slot in {"a", "b"} else "",
        health=_health(sync.health),
        done=tuple((number, _text(words, MOST_RESULT_LETTERS)) for number, words in sync.done),
        log=_text(sync.log or "", MOST_LOG_LETTERS),
        update=_text(sync.update or "", MOST_REASON_LETTERS),
    )


def decode_file_request(body: bytes) -> FileRequest:
    """Return which piece of which file a board asks for.

    Raises:
        BadReportError: it is not JSON, or something is missing.
    """
    try:
        return _decode_file(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadReportError(str(error)) from None


def _health(told: dict[str, Any]) -> Health:
    return Health(
        uptime_s=_whole(told, "uptime_s", 0, LARGE),
        rssi_dbm=_whole(told, "rssi_dbm", -200, 100),
        free_heap=_whole(told, "free_heap", 0, SMALL),
        bad_polls=_whole(told, "bad_polls", 0, LARGE),
        backlog=_whole(told, "backlog", 0, SMALL),
        resets=_whole(told, "resets", 0, SMALL),
        reset_cause=_whole(told, "reset_cause", -SMALL, SMALL),
    )


def _whole(told: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = told.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if least <= value <= most else None


def _text(text: str, most: int) -> str:
    # PostgreSQL stores no NUL; lone surrogates can be stored nowhere.
    plain = text.replace("\0", " ").encode("utf-8", "replace").decode()
    return plain[:most]
