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


class _NotPlain(Exception):  # noqa: N818 - control flow inside this module
    """The fast path does not take this; the specification decides."""


_one = msgspec.json.Decoder(Sent)
_many = msgspec.json.Decoder(list[Sent])
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
    batch = Batch(device_id, [], [], is_array=True)
    try:
        sent = _many.decode(body)
        if (rows := _with_unix_times(sent, device_id, now_ms)) is not None:
            batch.readings.extend(rows)
            batch.stamped.extend([False] * len(rows))
        elif len(sent) <= MOST_READINGS:
            for one in sent:
                reading, stamped = _from_sent(one, device_id, now_ms, needs_time=True)
                batch.readings.append(reading)
                batch.stamped.append(stamped)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _NotPlain):
        batch = _decode_pieces(body, device_id, now_ms)
    else:
        _check_count(len(sent))
    if not batch.readings:
        raise Refused(400, _nothing_accepted(batch))
    return batch


def _with_unix_times(sent: list[Sent], device_id: int, now_ms: int) -> list[Reading] | None:
    """Return an array's readings if each tells Unix seconds; their times are checked all at once.

    None where one does not, or could not be stored: the slower way finds out which. Half the time
    of a large array went into checking one by one, and a named tuple's own call takes twice as
    long as making it as a tuple.
    """
    if len(sent) > MOST_READINGS:
        return None
    make, astuple = tuple.__new__, msgspec.structs.astuple
    try:
        rows = [
            make(Reading, (device_id, round(time_s * 1000), volt, ampere, watt, kwh, hertz, factor))
            for volt, ampere, watt, kwh, hertz, factor, time_s, age_s in map(astuple, sent)
            # A text times 1,000 is a very long text: only numbers come this far.
            if type(time_s) is float
            and age_s is None
            and volt
            and watt <= MOST_POWER_W
            and kwh <= MOST_ENERGY_KWH
        ]
    except (TypeError, OverflowError):
        return None
    if not rows or len(rows) < len(sent):
        return None
    times = [row.timestamp_ms for row in rows]
    are_possible = min(times) >= EARLIEST_MS and max(times) <= now_ms + MOST_AHEAD_MS
    return rows if are_possible else None


def _decode_pieces(body: bytes, device_id: int, now_ms: int) -> Batch:
    """Judge each element of an array alone: one bad one does not sink the rest."""
    batch = Batch(device_id, [], [], is_array=True)
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
            batch.readings.append(reading)
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
