"""The firmware's envelope: numbered windows of one boot, integers in the meter's own steps."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from wattkeep.domain.readings import MOST_AGE_S, Reading, impossibility
from wattkeep.ingest.batches import Batch, Board, Refused, Windows
from wattkeep.ingest.specification import (
    MOST_READINGS,
    MOST_UNUSUAL,
    EnergyReadingCreateSerializer,
    plain_errors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SEQ = 2**62
MOST_INT32 = 2**31 - 1
WAS_BUFFERED = 4
FLAGS = 9
MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Whole = Annotated[int, Meta(ge=0, le=MOST_SEQ)]
Seq = Annotated[int, Meta(ge=1, le=MOST_SEQ)]


class Window(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row: number, age in ms, then dV, mA, dW, Wh, dHz and hundredths, or six nulls."""

    seq: Seq
    age_ms: Annotated[int, Meta(ge=0, le=MOST_AGE_S * 1000)]
    voltage_dv: Annotated[int, Meta(ge=0, le=5000)] | None
    current_ma: Annotated[int, Meta(ge=0, le=100_000)] | None
    power_dw: Whole | None
    energy_wh: Whole | None
    frequency_dhz: Annotated[int, Meta(ge=450, le=650)] | None
    power_factor_c: Annotated[int, Meta(ge=0, le=100)] | None
    samples: Whole = 0
    flags: Whole = 0


class _Head(msgspec.Struct, frozen=True, gc=False):
    # How the board is may be missing or odd: no reading is lost over it.
    boot: Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,16}$")]
    uptime_s: Any = None
    firmware: Any = None
    rssi_dbm: Any = None
    free_heap: Any = None


class Envelope(_Head, frozen=True, gc=False, kw_only=True):
    """The whole body, every row good."""

    readings: list[Window]


class LooseEnvelope(_Head, frozen=True, gc=False, kw_only=True):
    """The whole body, its rows not looked at yet."""

    readings: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(Envelope)
_loose = msgspec.json.Decoder(LooseEnvelope)
_window = msgspec.json.Decoder(Window)
_anything = msgspec.json.Decoder()


def looks_like_envelope(body: bytes) -> bool:
    """Tell cheaply whether decoding `body` as an envelope is worth a try."""
    return b'"readings"' in body and b'"boot"' in body


def decode_envelope(body: bytes, device_id: int, now_ms: int) -> Batch | None:
    """Return the windows in `body`, or None if it is no object with `boot` and `readings`.

    Raises:
        Refused: it is one, but too large, or nameless.
    """
    try:
        envelope: Envelope | LooseEnvelope = _envelope.decode(body)
    except MALFORMED:
        try:
            envelope = _loose.decode(body)
        except MALFORMED:
            _refuse_unreadable(body)
            return None
    if (count := len(envelope.readings)) > MOST_READINGS:
        raise Refused(
            413, {"error": f"{count} readings in one request; at most {MOST_READINGS:,} are taken."}
        )
    readings: list[Reading] = []
    windows = Windows(envelope.boot, now_ms, _board(envelope))
    batch = Batch(device_id, readings, [], windows=windows)
    rows: Sequence[Window | msgspec.Raw] = envelope.readings
    for index, row in enumerate(rows):
        window = row if isinstance(row, Window) else _judge_raw(batch, index, row)
        if window is not None:
            reading = _take(batch, index, window, now_ms)
            if reading is not None:
                readings.append(reading)
                batch.stamped.append(True)
                windows.seqs.append(window.seq)
    return batch


def _take(batch: Batch, index: int, window: Window, now_ms: int) -> Reading | None:
    """Return a window's reading; None for a silent one and for one that is refused."""
    windows = batch.windows
    assert windows is not None  # noqa: S101 - envelopes have windows
    if index == 0 and window.flags & WAS_BUFFERED:
        # A backlog comes oldest first: what is below it, the board no longer has.
        windows.oldest = window.seq
    at_ms = now_ms - window.age_ms
    values = window.voltage_dv, window.current_ma, window.power_dw
    more = window.energy_wh, window.frequency_dhz, window.power_factor_c
    if None in values or None in more:
        if any(value is not None for value in values + more):
            _refuse(batch, index, window, {"non_field_errors": ["Six values or six nulls."]})
        else:
            windows.silent.append((window.seq, at_ms))
        return None
    reading = Reading(
        batch.device_id,
        at_ms,
        window.voltage_dv / 10,  # type: ignore[operator]  # no null is left
        window.current_ma / 1000,  # type: ignore[operator]
        window.power_dw / 10,  # type: ignore[operator]
        window.energy_wh / 1000,  # type: ignore[operator]
        window.frequency_dhz / 10,  # type: ignore[operator]
        window.power_factor_c / 100,  # type: ignore[operator]
    )
    if reason := impossibility(reading.voltage, reading.current, reading.power, reading.energy):
        blamed = "voltage" if reading.voltage == 0 else "non_field_errors"
        _refuse(batch, index, window, {blamed: [reason]})
        return None
    return reading


def _refuse(batch: Batch, index: int, window: Window, errors: dict[str, Any]) -> None:
    assert batch.windows is not None  # noqa: S101 - envelopes have windows
    batch.windows.refused.append(window.seq)
    batch.rejected.append((index, errors))


def _judge_raw(batch: Batch, index: int, raw: msgspec.Raw) -> Window | None:
    """Return one row of a body with a bad one in it; None, and why, if it is the bad one."""
    try:
        return _window.decode(raw)
    except MALFORMED as error:
        errors: dict[str, Any] = {"non_field_errors": [str(error)]}
    row = None
    with suppress(*MALFORMED):
        row = _anything.decode(raw)
    if isinstance(row, list) and row and type(row[0]) is int and 1 <= row[0] <= MOST_SEQ:
        assert batch.windows is not None  # noqa: S101 - envelopes have windows
        # The number is readable: refused for good, so that the board does not send it again.
        batch.windows.refused.append(row[0])
        if (
            index == 0
            and len(row) > FLAGS
            and type(row[FLAGS]) is int
            and row[FLAGS] & WAS_BUFFERED
        ):
            batch.windows.oldest = row[0]
        if len(batch.rejected) < MOST_UNUSUAL:
            errors = _row_errors(row) or errors
    batch.rejected.append((index, errors))
    return None


def _row_errors(row: list[Any]) -> dict[str, Any]:
    """Return what the specification says against a row's values, if they can be put to it."""
    names = ("voltage", "current", "power", "energy", "frequency", "power_factor")
    steps = (10, 1000, 10, 1000, 10, 100)
    values = row[2:8]
    if len(values) != len(names) or any(_int_or_none(one, MOST_SEQ) is None for one in values):
        return {}
    data = {name: value / step for name, value, step in zip(names, values, steps, strict=True)}
    serializer = EnergyReadingCreateSerializer(data=data, context={"now_ms": 0})
    return {} if serializer.is_valid() else plain_errors(serializer)


def _board(head: _Head) -> Board:
    firmware = head.firmware if isinstance(head.firmware, str) else ""
    return Board(
        firmware="".join(letter for letter in firmware if letter.isprintable())[:32],
        uptime_s=_int_or_none(head.uptime_s, MOST_SEQ, least=0),
        rssi_dbm=_int_or_none(head.rssi_dbm, MOST_INT32),
        free_heap=_int_or_none(head.free_heap, MOST_INT32),
    )


def _int_or_none(value: Any, most: int, least: int = -MOST_SEQ) -> int | None:
    return value if type(value) is int and least <= value <= most else None


def _refuse_unreadable(body: bytes) -> None:
    """Refuse an envelope that names no usable boot or holds no list; anything else is none."""
    try:
        data = _anything.decode(body)
    except MALFORMED:
        return
    if not isinstance(data, dict) or not {"boot", "readings"} <= data.keys() or "voltage" in data:
        return
    errors = {}
    if not isinstance(data["readings"], list):
        errors["readings"] = ["A list of rows is needed."]
    try:
        msgspec.convert(data, _Head)
    except msgspec.ValidationError:
        errors["boot"] = ["1 to 16 letters, digits, - or _ are needed."]
    raise Refused(400, errors or {"non_field_errors": ["The envelope cannot be read."]})
