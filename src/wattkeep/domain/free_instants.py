"""The next free millisecond of a device, found without trying each."""

from __future__ import annotations


class FreeInstants:
    """Which instants are known to be taken, with a short way over runs of them."""

    def __init__(self) -> None:
        self._next: dict[tuple[int, int], int] = {}

    def take(self, device_id: int, at_ms: int) -> None:
        """Note that an instant is taken."""
        self._next.setdefault((device_id, at_ms), at_ms + 1)

    def find(self, device_id: int, at_ms: int) -> int:
        """Return `at_ms`, or the first one after it that is not known to be taken."""
        walked = []
        while (following := self._next.get((device_id, at_ms))) is not None:
            walked.append(at_ms)
            at_ms = following
        # Whoever comes this way again goes straight to the end.
        for passed in walked:
            self._next[device_id, passed] = at_ms
        return at_ms
