"""What can go wrong on the wire between a meter and a board, on request."""

from __future__ import annotations

import random
import threading
from typing import Literal, get_args

FaultKind = Literal["silent", "crc", "truncated", "noise"]


class Faults:
    """The faults a virtual meter commits, each for a number of replies or until cleared."""

    def __init__(self, seed: int = 0) -> None:
        self._left: dict[FaultKind, int | None] = {}
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311  (noise, not a secret)

    def set(self, kind: FaultKind, *, replies: int | None = None) -> None:
        """Spoil the next `replies` replies in this way, or all of them until cleared."""
        if kind not in get_args(FaultKind):
            message = f"unknown fault {kind!r}: use one of {', '.join(get_args(FaultKind))}"
            raise ValueError(message)
        if replies is not None and replies < 1:
            message = f"a fault needs at least one reply to spoil, not {replies}"
            raise ValueError(message)
        with self._lock:
            self._left[kind] = replies

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._left.clear()

    @property
    def active(self) -> tuple[FaultKind, ...]:
        """The faults the next reply will show."""
        with self._lock:
            return tuple(self._left)

    def spoil(self, reply: bytes) -> bytes:
        """Return what reaches the other end of the wire instead of this reply."""
        for kind in self._take():
            if kind == "silent":
                return b""
            if kind == "crc":
                reply = reply[:-2] + bytes((reply[-2] ^ 0x5A, reply[-1]))
            elif kind == "truncated":
                reply = reply[: self._random.randrange(1, len(reply))]
            else:
                reply = self._add_noise(reply)
        return reply

    def _take(self) -> tuple[FaultKind, ...]:
        with self._lock:
            kinds = tuple(self._left)
            for kind in kinds:
                left = self._left[kind]
                if left == 1:
                    del self._left[kind]
                elif left is not None:
                    self._left[kind] = left - 1
        return kinds

    def _add_noise(self, reply: bytes) -> bytes:
        """Flip bits, or put stray bytes before, within or after."""
        junk = self._random.randbytes(self._random.randrange(1, 6))
        where = self._random.choice(("flip", "before", "within", "after"))
        if where == "flip":
            at = self._random.randrange(len(reply))
            return (
                reply[:at]
                + bytes((reply[at] ^ (1 << self._random.randrange(8)),))
                + reply[at + 1 :]
            )
        at = {"before": 0, "after": len(reply)}.get(where, self._random.randrange(len(reply)))
        return reply[:at] + junk + reply[at:]
