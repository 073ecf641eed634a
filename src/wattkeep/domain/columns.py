"""A day's readings as columns, and each column as bytes: lossless, checked, a few bits a value."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeep.domain.column_bytes import (
    CorruptColumnError,
    Encoding,
    opened,
    packed,
    sealed,
    unknown,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Instants = NDArray[np.int64]
    Values = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Columns:
    """Readings of one device as one array a column, ascending in time, no instant twice.

    `timestamps` are epoch milliseconds. A value that is not known is NaN.
    """

    timestamps: Instants
    values: Mapping[str, Values]

    @classmethod
    def empty(cls, names: Sequence[str]) -> Columns:
        """Return no readings of these columns."""
        return cls(np.empty(0, np.int64), {name: np.empty(0) for name in names})

    @classmethod
    def join(cls, parts: Sequence[Columns], names: Sequence[str]) -> Columns:
        """Return all parts as one; of readings of the same instant the first part's counts."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return cls.empty(names)
        if len(parts) == 1:
            return parts[0]
        timestamps = np.concatenate([part.timestamps for part in parts])
        values = {name: np.concatenate([part[name] for part in parts]) for name in names}
        if bool(np.all(timestamps[1:] > timestamps[:-1])):
            return cls(timestamps, values)
        # np.unique takes the first of equals.
        timestamps, order = np.unique(timestamps, return_index=True)
        return cls(timestamps, {name: array[order] for name, array in values.items()})

    def __len__(self) -> int:
        return len(self.timestamps)

    def __getitem__(self, name: str) -> Values:
        return self.values[name]

    def between(self, start_ms: int, end_ms: int) -> Columns:
        """Return the readings from `start_ms` to before `end_ms`."""
        first, last = np.searchsorted(self.timestamps, (start_ms, end_ms))
        return self.slice(int(first), int(last))

    def slice(self, first: int, last: int) -> Columns:
        """Return the readings at positions `first` to before `last`."""
        if first == 0 and last == len(self):
            return self
        values = {name: array[first:last] for name, array in self.values.items()}
        return Columns(self.timestamps[first:last], values)


# -- a day as bytes ---------------------------------------------------------------------------
#
# docs/decisions/0009 describes every byte, for whoever wants to read blocks without this module.

FORMAT = 1
NAMES = ("power", "energy", "voltage", "current", "frequency", "power_factor")
# What a column may be told from, and therefore what has to be at hand to decode it.
NEEDS: dict[str, tuple[str, ...]] = {
    "power": (),
    "energy": ("power",),
    "voltage": (),
    "current": ("power", "voltage", "power_factor"),
    "frequency": (),
    "power_factor": ("power", "voltage", "current"),
}

_GRID = struct.Struct("<IqqI")
_MOST_DECIMALS = 9
# From whole numbers: not every machine's power function is exact.
_TENS = tuple(float(10**decimals) for decimals in range(_MOST_DECIMALS + 1))
# Whole numbers up to here are exact as floats.
_MOST_EXACT = 2**53
_MOST_PREDICTED = 2**31
_WH_DECIMALS = 3
_DW_MS_PER_WH = 36_000_000
_WHOLE = {Encoding.DECIMALS, Encoding.FROM_APPARENT_POWER, Encoding.FROM_WORK}


def needed_for(names: Iterable[str]) -> set[str]:
    """Return the columns whose bytes it takes to decode `names`."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(NEEDS[name])
    return needed


def encode_day(
    timestamps: Instants, values: Mapping[str, Values], nulls: Mapping[str, Flags] | None = None
) -> dict[str, bytes]:
    """Return `timestamps` and every column of NAMES as bytes that decode to the very same bits.

    `nulls` tells where a column has no value at all, which is not the same as NaN.
    """
    day = _Day(timestamps, values, nulls or {})
    encoded = {"timestamps": sealed(Encoding.INSTANTS, _encode_instants(timestamps))}
    for name in ("power", "voltage", "frequency"):
        encoded[name] = day.encode(name)
    encoded["energy"] = _shortest(day.encode("energy"), day.encode_energy_from_work())
    current, factor = day.encode("current"), day.encode("power_factor")
    from_current = _shortest(factor, day.encode_from_apparent_power("power_factor"))
    from_factor = _shortest(current, day.encode_from_apparent_power("current"))
    # One of the two may lean on the other, not each on each.
    if len(from_current) + len(current) <= len(from_factor) + len(factor):
        encoded["current"], encoded["power_factor"] = current, from_current
    else:
        encoded["current"], encoded["power_factor"] = from_factor, factor
    return encoded


class EncodedDay:
    """A day's bytes, of which each column is decoded when it is asked for, and once."""

    def __init__(self, count: int, encoded: Mapping[str, bytes]) -> None:
        self._count = count
        self._encoded = encoded
        self._values: dict[str, Values] = {}
        self._timestamps: Instants | None = None

    @property
    def timestamps(self) -> Instants:
        """Epoch milliseconds, ascending.

        Raises:
            CorruptColumnError: they cannot be read.
        """
        if self._timestamps is None:
            encoding, _, body = opened("timestamps", self._encoded["timestamps"], self._count)
            if encoding != Encoding.INSTANTS:
                raise unknown("timestamps", encoding)
            self._timestamps = _decode_instants(body, self._count)
        return self._timestamps

    def values(self, name: str) -> Values:
        """Return a column, with NaN where nothing was stored.

        Raises:
            CorruptColumnError: it, or a column it leans on, cannot be read.
        """
        if name not in self._values:
            self._values[name] = self._decode(name)
        return self._values[name]

    def nulls(self, name: str) -> Flags:
        """Return where nothing was stored."""
        encoding, nulls, _ = opened(name, self._encoded[name], self._count)
        if encoding == Encoding.NOTHING:
            return np.ones(self._count, np.bool_)
        return np.zeros(self._count, np.bool_) if nulls is None else nulls

    def _decode(self, name: str) -> Values:
        encoding, nulls, body = opened(name, self._encoded[name], self._count)
        if encoding == Encoding.NOTHING:
            return np.full(self._count, np.nan)
        there = slice(None) if nulls is None else ~nulls
        count = self._count - (0 if nulls is None else int(nulls.sum()))
        if encoding == Encoding.FLOATS:
            found = unpacked(name, body, count)
        elif encoding in _WHOLE:
            found = self._whole(name, encoding, body, count, there) / _TENS[body[0]]
        else:
            raise unknown(name, encoding)
        if nulls is None:
            return found
        full = np.full(self._count, np.nan)
        full[there] = found
        return full

    def _whole(
        self, name: str, encoding: int, body: bytes, count: int, there: Flags | slice
    ) -> NDArray[Any]:
        """Return a column's values without their points, what was left out of them put back."""
        whole = unpacked(name, body[1:], count)
        if encoding == Encoding.FROM_APPARENT_POWER:
            return whole + _from_apparent_power(name, self.values, body[0])[there]
        if encoding == Encoding.FROM_WORK:
            return whole + _work_wh(self.timestamps, self.values("power"))[there]
        return whole


class _Day:
    """What `encode_day` is given, and the ways to write its columns."""

    def __init__(
        self, timestamps: Instants, values: Mapping[str, Values], nulls: Mapping[str, Flags]
    ) -> None:
        self._timestamps = timestamps
        self._nulls = {name: flags for name, flags in nulls.items() if flags.any()}
        self._full = {
            name: np.where(self._nulls[name], np.nan, values[name])
            if name in self._nulls
            else np.ascontiguousarray(values[name], np.float64)
            for name in NAMES
        }
        self._whole = {name: _as_decimals(self._there(name)) for name in NAMES}

    def encode(self, name: str) -> bytes:
        """Return a column written without any other."""
        there = self._there(name)
        if not len(there):
            return sealed(Encoding.NOTHING, b"")
        if (decimals := self._whole[name]) is not None:
            return self._write_decimals(name, Encoding.DECIMALS, *decimals)
        return sealed(Encoding.FLOATS, packed(there), self._nulls.get(name))

    def encode_from_apparent_power(self, name: str) -> bytes | None:
        """Return current or power factor as what is left when the other is known."""
        if (found := self._whole[name]) is None or not len(found[1]):
            return None
        decimals, whole = found
        told = _from_apparent_power(name, self._full.__getitem__, decimals)
        return self._write_decimals(
            name, Encoding.FROM_APPARENT_POWER, decimals, whole - told[self._where(name)]
        )

    def encode_energy_from_work(self) -> bytes | None:
        """Return the counter as what is left when the power has been added up."""
        found = self._whole["energy"]
        if found is None or not len(found[1]) or found[0] != _WH_DECIMALS:
            return None
        told = _work_wh(self._timestamps, self._full["power"])[self._where("energy")]
        return self._write_decimals("energy", Encoding.FROM_WORK, _WH_DECIMALS, found[1] - told)

    def _write_decimals(
        self, name: str, encoding: Encoding, decimals: int, whole: NDArray[np.int64]
    ) -> bytes:
        return sealed(encoding, bytes([decimals]) + packed(whole), self._nulls.get(name))

    def _there(self, name: str) -> Values:
        return self._full[name][self._where(name)]

    def _where(self, name: str) -> Flags | slice:
        return ~self._nulls[name] if name in self._nulls else slice(None)


# -- what other columns tell ------------------------------------------------------------------
#
# Exact to the last bit wherever it is computed: single IEEE operations in this order, and whole
# numbers that wrap.


def _from_apparent_power(
    name: str, column: Callable[[str], Values], decimals: int
) -> NDArray[np.int64]:
    """Return what power, voltage and the other one make of current or power factor."""
    other = "power_factor" if name == "current" else "current"
    with np.errstate(all="ignore"):
        told = column("power") / (column("voltage") * column(other)) * _TENS[decimals]
    return _rounded(told)


def _work_wh(timestamps: Instants, power: Values) -> NDArray[np.int64]:
    """Return the Wh done since the day's first reading: each one's power lasted since the last."""
    with np.errstate(all="ignore"):
        deciwatts = _rounded(power * 10.0)
    lasted_ms = np.diff(timestamps, prepend=timestamps[:1])
    return np.cumsum(deciwatts * lasted_ms) // _DW_MS_PER_WH


def _rounded(values: Values) -> NDArray[np.int64]:
    """Return whole numbers, 0 for what is none or too large to tell anything."""
    rounded = np.rint(values)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(rounded) < _MOST_PREDICTED, rounded, 0.0).astype(np.int64)


def _as_decimals(values: Values) -> tuple[int, NDArray[np.int64]] | None:
    """Return the fewest decimals that hold every value exactly, and the values without the point.

    None where there are none: NaN, −0.0, too large or too many digits.
    """
    for decimals in range(_MOST_DECIMALS + 1):
        with np.errstate(all="ignore"):
            rounded = np.rint(values * _TENS[decimals])
            if not bool(np.all(np.abs(rounded) < _MOST_EXACT)):
                return None
            whole = rounded.astype(np.int64)
            if (whole / _TENS[decimals]).tobytes() == values.tobytes():
                return decimals, whole
    return None


# -- instants ---------------------------------------------------------------------------------


def _encode_instants(timestamps: Instants) -> bytes:
    """Return instants as ticks of a regular clock, and how far each is from its tick.

    What says no more than "the next tick" or "on it" for every one takes no bytes.
    """
    first = int(timestamps[0])
    step = max(1, int(np.median(np.diff(timestamps)))) if len(timestamps) > 1 else 1
    ticks = (timestamps - first + step // 2) // step
    skips = np.diff(ticks)
    off = timestamps - first - ticks * step
    skipped = b"" if bool(np.all(skips == 1)) else packed(skips)
    head = _GRID.pack(len(timestamps), first, step, len(skipped))
    return head + skipped + (packed(off) if off.any() else b"")


def _decode_instants(body: bytes, count: int) -> Instants:
    stored, first, step, length = _GRID.unpack_from(body)
    if stored != count:
        raise CorruptColumnError(f"timestamps: not {count} values")
    skipped, off = body[_GRID.size : _GRID.size + length], body[_GRID.size + length :]
    if skipped:
        ticks = np.zeros(count, np.int64)
        np.cumsum(unpacked("timestamps", skipped, count - 1), out=ticks[1:])
    else:
        ticks = np.arange(count, dtype=np.int64)
    timestamps: Instants = first + ticks * step
    if off:
        timestamps += unpacked("timestamps", off, count)
    return timestamps


def _shortest(one: bytes, other: bytes | None) -> bytes:
    return one if other is None or len(one) <= len(other) else other
