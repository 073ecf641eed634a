"""Which of a boot's numbered windows have arrived, however they were ordered."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

MOST_RUNS = 512


class TooManyHolesError(Exception):
    """More separate runs of numbers than are kept; nothing was taken."""


@dataclass(slots=True)
class Arrived:
    """The numbers 1…`watermark`, and runs [first, last] above it with holes between.

    A board sends its backlog oldest first, with a live window in between now and then: two runs.
    More come only from a network that loses, doubles and reorders.
    """

    watermark: int = 0
    ahead: list[tuple[int, int]] = field(default_factory=list)

    def __contains__(self, seq: int) -> bool:
        if seq <= self.watermark:
            return True
        index = bisect_right(self.ahead, (seq, seq))
        # The run before may reach over it; the run at `index` may begin with it.
        return (index > 0 and self.ahead[index - 1][1] >= seq) or (
            index < len(self.ahead) and self.ahead[index][0] == seq
        )

    def take(self, seq: int) -> bool:
        """Note that `seq` (at least 1) has arrived; return False if it had before.

        Raises:
            TooManyHolesError: the number would be one run too many.
        """
        if seq in self:
            return False
        index = bisect_right(self.ahead, (seq, seq))
        first = last = seq
        if index < len(self.ahead) and self.ahead[index][0] == seq + 1:
            last = self.ahead.pop(index)[1]
        if index > 0 and self.ahead[index - 1][1] == seq - 1:
            index -= 1
            first = self.ahead.pop(index)[0]
        if len(self.ahead) >= MOST_RUNS and first > self.watermark + 1:
            raise TooManyHolesError
        self.ahead.insert(index, (first, last))
        self._close_up()
        return True

    def give_up_below(self, seq: int) -> None:
        """Note that nothing below `seq` will come any more: the sender no longer has it."""
        if seq - 1 > self.watermark:
            self.watermark = seq - 1
            self._close_up()

    def _close_up(self) -> None:
        while self.ahead and self.ahead[0][0] <= self.watermark + 1:
            self.watermark = max(self.watermark, self.ahead.pop(0)[1])

    def copy(self) -> Arrived:
        return Arrived(self.watermark, self.ahead.copy())

    def runs_text(self) -> str:
        """Return the runs above the watermark as they are stored, e.g. `7-9,12`."""
        return ",".join(
            str(first) if first == last else f"{first}-{last}" for first, last in self.ahead
        )

    @classmethod
    def from_stored(cls, watermark: int, runs_text: str) -> Arrived:
        """Return what `watermark` and `runs_text()` were made from."""
        runs = []
        for part in filter(None, runs_text.split(",")):
            first, _, last = part.partition("-")
            runs.append((int(first), int(last or first)))
        return cls(watermark, runs)
