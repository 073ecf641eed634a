"""A request's body made into readings, in one pass where it is good."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wattkeep.domain.readings import (
    EARLIEST_MS,
    MOST_AGE_S,
    MOST_AHEAD_MS,
    MOST_ENERGY_KWH,
    MOST_POWER_W,
    Reading,
    Run,
    TimeError,
    aged_ms,
    impossibility,
    instant_ms,
)
from wattkeep.ingest.batches import Batch, Refused
from wattkeep.ingest.envelopes import decode_envelope, looks_like_envelope
from wattkeep.ingest.specification import (
    MOST_READINGS,
    MOST_UNUSUAL,
    EnergyReadingCreateSerializer,
    plain_errors,
)

TOO_MANY_UNUSUAL = (
    f"Not looked at: more than {MOST_UNUSUAL} readings of this request are wrong or unusual."
    " Send values as JSON numbers, and fewer readings at once."
)

AtLeastZero = Annotated[float, Meta(ge=0)]
# From so many on columns are quicker than rows.
FEWEST_OF_A_RUN = 100


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A reading on the wire, as the fast path takes it: a subset of what the specification does."""

    voltage: Annotated[float, Meta(ge=0, le=500)]
    current: Annotated[float, Meta(ge=0, le=100)]
    power: AtLeastZero
    energy: AtLeastZero
    frequency: Annotated[float, Meta(ge=45, le=65)]
    power_factor: Annotated[float, Meta(ge=0, le=1)]
    timestamp: str | float | None = None
    age_s: Annotated[float, Meta(ge=0, le=MOST_AGE_S)] | None = None


class Timed(msgspec.Struct, gc=False):
    """One of many readings that each tell Unix seconds, and that nothing is unusual about."""

    timestamp: Annotated[float, Meta(ge=EARLIEST_MS / 1000)]
    voltage: Annotated[float, Meta(gt=0, le=500)]
    current: Annotated[float, Meta(ge=0, le=100)]
    power: Annotated[float, Meta(ge=0, le=MOST_POWER_W)]
    energy: Annotated[float, Meta(ge=0, le=MOST_ENERGY_KWH)]
    frequency: Annotated[float, Meta(ge=45, le=65)]
    power_factor: Annotated[float, Meta(ge=0, le=1)]
    age_s: None = None


class _NotPlain(Exception):  # noqa: N818 - control flow inside this module
    """The fast path does not take this; the specification decides."""


_one = msgspec.json.Decoder(Sent)
_many = msgspec.json.Decoder(list[Sent])
_timed = msgspec.json.Decoder(list[Timed])
_pieces = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder()


def decode(body: bytes, device_id: int, now_ms: int) -> Batch:
    """Return the readings in `body`.

    Raises:
        Refused: nothing in it can be stored.
    """
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        return _decode_array(body, device_id, now_ms)
    if looks_like_envelope(body) and (batch := decode_envelope(body, device_id, now_ms)):
        return batch
    try:
        reading, stamped = _from_sent(_one.decode(body), device_id, now_ms)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _NotPlain):
        reading, stamped = _by_specification(_parse(body), device_id, now_ms)
    return Batch(device_id, [reading], [stamped])


def plain_reading(body: bytes, device_id: int, now_ms: int) -> Reading | None:
    """Return what `decode` makes of one good reading without a time; None for anything else."""
    if body[:1] != b"{" or b'"boot"' in body:
        return None
    try:
        sent = _one.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    voltage, current, power, energy = sent.voltage, sent.current, sent.power, sent.energy
    if sent.timestamp is not None or sent.age_s is not None:
        return None
    if impossibility(voltage, current, power, energy):
        return None
    return Reading(
        device_id, now_ms, voltage, current, power, energy, sent.frequency, sent.power_factor
    )


def _from_sent(
    sent: Sent, device_id: int, now_ms: int, *, needs_time: bool = False
) -> tuple[Reading, bool]:
    """Return a reading and whether we gave it its time."""
    stamped = False
    try:
        if sent.timestamp is not None:
            if sent.age_s is not None:
                raise _NotPlain
            ms = instant_ms(sent.timestamp, now_ms)
        elif sent.age_s is not None:
            ms, stamped = aged_ms(sent.age_s, now_ms), True
        elif needs_time:
            raise _NotPlain
        else:
            ms, stamped = now_ms, True
    except (TimeError, OverflowError):
        raise _NotPlain from None
    if impossibility(sent.voltage, sent.current, sent.power, sent.energy):
        raise _NotPlain
    return (
        Reading(
            device_id,
            ms,
            sent.voltage,
            sent.current,
            sent.power,
            sent.energy,
            sent.frequency,
            sent.power_factor,
        ),
        stamped,
    )


def _parse(body: bytes) -> Any:
    try:
        return _anything.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(400, {"detail": f"JSON parse error - {error}"}) from None
    except RecursionError:
        raise Refused(400, {"detail": "JSON parse error - nested too deeply"}) from None


def _by_specification(
    data: Any, device_id: int, now_ms: int, *, needs_time: bool = False
) -> tuple[Reading, bool]:
    serializer = EnergyReadingCreateSerializer(
        data=data, context={"now_ms": now_ms, "needs_time": needs_time}
    )
    if not serializer.is_valid():
        raise Refused(400, plain_errors(serializer))
    values = serializer.validated_data
    timestamp, age_s = values.get("timestamp"), values.get("age_s")
    if timestamp is None:
        ms = now_ms if age_s is None else aged_ms(age_s, now_ms)
    else:
        ms = timestamp
    names = ("voltage", "current", "power", "energy", "frequency", "power_factor")
    return Reading(device_id, ms, *(values[name] for name in names)), timestamp is None


def _decode_array(body: bytes, device_id: int, now_ms: int) -> Batch:
    if (run := _decode_run(body, device_id, now_ms)) is not None:
        readings = run if len(run) >= FEWEST_OF_A_RUN else list(run)
        return Batch(device_id, readings, [False] * len(run), is_array=True)
    try:
        sent = _many.decode(body)
        _check_count(len(sent))
        placed = [_from_sent(one, device_id, now_ms, needs_time=True) for one in sent]
        readings = [reading for reading, _ in placed]
        batch = Batch(device_id, readings, [stamped for _, stamped in placed], is_array=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _NotPlain):
        batch = _decode_pieces(body, device_id, now_ms)
    if not batch.readings:
        raise Refused(400, _nothing_accepted(batch))
    return batch


def _decode_run(body: bytes, device_id: int, now_ms: int) -> Run | None:
    """Return an array's readings if each tells Unix seconds and nothing is unusual about any.

    None where something is, or there is none: the slower way finds out what.
    """
    try:
        sent = _timed.decode(body)
        instants = [round(one.timestamp * 1000) for one in sent]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    _check_count(len(sent))
    if not instants or max(instants) > now_ms + MOST_AHEAD_MS:
        return None
    measured = [
        [one.voltage for one in sent],
        [one.current for one in sent],
        [one.power for one in sent],
        [one.energy for one in sent],
        [one.frequency for one in sent],
        [one.power_factor for one in sent],
    ]
    return Run(device_id, instants, measured)


def _decode_pieces(body: bytes, device_id: int, now_ms: int) -> Batch:
    """Judge each element of an array alone: one bad one does not sink the rest."""
    readings: list[Reading] = []
    batch = Batch(device_id, readings, [], is_array=True)
    try:
        pieces = _pieces.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _parse(body)  # says what is wrong with it
        raise Refused(400, {"detail": "JSON parse error"}) from None
    _check_count(len(pieces))
    unusual = 0
    for index, piece in enumerate(pieces):
        try:
            try:
                reading, stamped = _from_sent(
                    _one.decode(piece), device_id, now_ms, needs_time=True
                )
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _NotPlain):
                unusual += 1
                reading, stamped = _judge_unusual(piece, device_id, now_ms, unusual)
        except Refused as refusal:
            batch.rejected.append((index, refusal.body))
        else:
            readings.append(reading)
            batch.stamped.append(stamped)
    return batch


def _judge_unusual(
    piece: msgspec.Raw, device_id: int, now_ms: int, count: int
) -> tuple[Reading, bool]:
    """Put an element to the specification, which takes a millisecond: not for thousands of them."""
    if count > MOST_UNUSUAL:
        raise Refused(400, {"non_field_errors": [TOO_MANY_UNUSUAL]})
    return _by_specification(_parse(bytes(piece)), device_id, now_ms, needs_time=True)


def _check_count(count: int) -> None:
    if count > MOST_READINGS:
        raise Refused(
            413, {"error": f"{count} readings in one request; at most {MOST_READINGS:,} are taken."}
        )


def _nothing_accepted(batch: Batch) -> dict[str, Any]:
    if not batch.rejected:
        return {"non_field_errors": ["This list may not be empty."]}
    return {
        "error": "No reading of the array can be stored.",
        "accepted": 0,
        "duplicates": 0,
        "rejected": rejections(batch),
    }


def rejections(batch: Batch) -> list[dict[str, Any]]:
    """Return an array's bad elements as the answer lists them."""
    return [{"index": index, "errors": errors} for index, errors in batch.rejected]
