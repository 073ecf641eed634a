"""Sealed days: from columns to a ReadingBlock and back, and what can be wrong with one."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from django.db import IntegrityError, transaction

from wattkeep.domain.column_bytes import CorruptColumnError
from wattkeep.domain.columns import (
    FORMAT,
    NAMES,
    Columns,
    EncodedDay,
    encode_day,
    needed_for,
)
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.monitoring.models import ReadingBlock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.db.models import QuerySet

    from wattkeep.domain.columns import Flags, Instants, Values

DAY_MS = 86_400_000
# In the order in which the table holds them and the checksum runs over them.
STORED = ("timestamps", *NAMES)
MOST_BLOCKS_A_FETCH = 32


class BlockError(Exception):
    """A sealed day that cannot be read; it says whose and which."""

    def __init__(self, device_id: int, day_ms: int, reason: str) -> None:
        super().__init__(
            f"The sealed readings of device {device_id} on {from_ms(day_ms):%Y-%m-%d} (UTC)"
            f" cannot be read: {reason}."
        )
        self.device_id = device_id
        self.day_ms = day_ms


class WholeDay(NamedTuple):
    """All of a day's columns, and where they are null: what is stored, to the bit."""

    timestamps: Instants
    values: Mapping[str, Values]
    nulls: Mapping[str, Flags]


def make_block(device_id: int, day_ms: int, day: WholeDay) -> ReadingBlock:
    """Return a day as the row that stands for it, not yet saved."""
    encoded = encode_day(day.timestamps, day.values, day.nulls)
    return ReadingBlock(
        device_id=device_id,
        day=from_ms(day_ms),
        format=FORMAT,
        count=len(day.timestamps),
        checksum=_checksum(encoded),
        **encoded,
    )


def put_block(new: ReadingBlock, old: ReadingBlock | None) -> bool:
    """Save a block in the place of the one it was made from, or as the day's first.

    Returns:
        False if somebody else changed that place meanwhile; nothing was done then.
    """
    if old is None:
        try:
            with transaction.atomic():
                new.save(force_insert=True)
        except IntegrityError:
            return False
        return True
    still_old = ReadingBlock.objects.filter(
        device_id=old.device_id, day=old.day, checksum=old.checksum, count=old.count
    )
    columns = {name: getattr(new, name) for name in ("format", "count", "checksum", *STORED)}
    return still_old.update(**columns) == 1


def merge_days(first: WholeDay, second: WholeDay) -> WholeDay:
    """Return the readings of both; where both have one of the same instant, the first's."""
    both = np.concatenate([first.timestamps, second.timestamps])
    timestamps, order = np.unique(both, return_index=True)
    return WholeDay(
        timestamps,
        {name: np.concatenate([first.values[name], second.values[name]])[order] for name in NAMES},
        {name: np.concatenate([first.nulls[name], second.nulls[name]])[order] for name in NAMES},
    )


def verify_blocks(device_id: int | None = None) -> Iterator[BlockError]:
    """Read every sealed day, or every one of a device, and yield what is wrong."""
    keys = ReadingBlock.objects.order_by("device_id", "day").values_list("device_id", "day")
    for of_device, day in keys if device_id is None else keys.filter(device_id=device_id):
        block = ReadingBlock.objects.filter(device_id=of_device, day=day).first()
        if block is None:  # by retention, just now
            continue
        try:
            timestamps = open_block(block).timestamps
        except BlockError as error:
            yield error
            continue
        day_ms = to_ms(day)
        is_ascending = bool(np.all(np.diff(timestamps) > 0))
        if not is_ascending or timestamps[0] < day_ms or timestamps[-1] >= day_ms + DAY_MS:
            yield BlockError(of_device, day_ms, "its instants are out of order or of other days")


def open_block(block: ReadingBlock) -> WholeDay:
    """Return everything that is in a block.

    Raises:
        BlockError: it is not what was stored, or a newer Wattkeep wrote it.
    """
    day_ms = to_ms(block.day)
    encoded = {name: bytes(getattr(block, name)) for name in STORED}
    _check_format(block.device_id, day_ms, block.format)
    if _checksum(encoded) != block.checksum:
        raise BlockError(block.device_id, day_ms, "the checksum is wrong")
    try:
        day = EncodedDay(block.count, encoded)
        return WholeDay(
            day.timestamps,
            {name: day.values(name) for name in NAMES},
            {name: day.nulls(name) for name in NAMES},
        )
    except CorruptColumnError as error:
        raise BlockError(block.device_id, day_ms, str(error)) from error


def blocks_from(
    device_id: int, start_ms: int, columns: Sequence[str], end_ms: int | None = None
) -> Iterator[Columns]:
    """Yield the sealed days that reach into a span, each whole, oldest first.

    Only the bytes that `columns` need are fetched.

    Raises:
        BlockError: on reaching a day that cannot be read.
    """
    blocks = ReadingBlock.objects.filter(device_id=device_id).order_by("day")
    if end_ms is not None:
        blocks = blocks.filter(day__lt=from_ms(end_ms))
    following = start_ms // DAY_MS * DAY_MS
    size = 1 if end_ms is None else MOST_BLOCKS_A_FETCH
    while found := _fetched(blocks.filter(day__gte=from_ms(following))[:size], columns):
        for row in found:
            yield _decoded(device_id, row, columns)
        if len(found) < size:
            return
        following, size = found[-1].day_ms + 1, MOST_BLOCKS_A_FETCH


def blocks_before(device_id: int, before_ms: int, columns: Sequence[str]) -> Iterator[Columns]:
    """Yield the sealed days that begin before an instant, each whole, newest first.

    Raises:
        BlockError: on reaching a day that cannot be read.
    """
    blocks = ReadingBlock.objects.filter(device_id=device_id).order_by("-day")
    # The first nearly always has what is looked for.
    size = 1
    while found := _fetched(blocks.filter(day__lt=from_ms(before_ms))[:size], columns):
        for row in found:
            yield _decoded(device_id, row, columns)
        if len(found) < size:
            return
        before_ms, size = found[-1].day_ms, MOST_BLOCKS_A_FETCH


class _Fetched(NamedTuple):
    """What was asked for of a block's row."""

    day_ms: int
    format: int
    readings: int
    encoded: dict[str, bytes]


def _fetched(blocks: QuerySet[ReadingBlock], columns: Sequence[str]) -> list[_Fetched]:
    names = ["timestamps", *sorted(needed_for(columns))]
    return [
        _Fetched(
            to_ms(day), block_format, count, dict(zip(names, map(bytes, encoded), strict=True))
        )
        for day, block_format, count, *encoded in blocks.values_list(
            "day", "format", "count", *names
        )
    ]


def _decoded(device_id: int, row: _Fetched, columns: Sequence[str]) -> Columns:
    _check_format(device_id, row.day_ms, row.format)
    day = EncodedDay(row.readings, row.encoded)
    try:
        return Columns(day.timestamps, {name: day.values(name) for name in columns})
    except CorruptColumnError as error:
        raise BlockError(device_id, row.day_ms, str(error)) from error


def _check_format(device_id: int, day_ms: int, block_format: int) -> None:
    if block_format != FORMAT:
        raise BlockError(
            device_id,
            day_ms,
            f"its format is {block_format}, this Wattkeep knows {FORMAT}: a newer one wrote it",
        )


def _checksum(encoded: Mapping[str, bytes]) -> int:
    checksum = 0
    for name in STORED:
        checksum = zlib.crc32(encoded[name], checksum)
    return checksum
