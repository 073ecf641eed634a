"""Times as files write them: Unix seconds or milliseconds, ISO 8601, a local clock's face."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wattkeep.domain.instants import to_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# Unix seconds pass this in the year 5138; milliseconds passed it in 1973.
MOST_UNIX_S = 100_000_000_000
MOST_UNIX_MS = 253_370_764_800_000
QUARTER_MS = 15 * 60_000
LOCAL_FORMATS = (
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
)


class Clock:
    """Reads one file's times, from top to bottom; those without an offset are local in `zone`.

    When clocks go back an hour, local times come twice: those that would go back are the second.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._last_ms: int | None = None
        self._format: str | None = None
        self._offsets: dict[int, tuple[int, int, bool]] = {}

    def read(self, text: str) -> int:
        """Return a time as epoch milliseconds; ValueError says what is wrong with it."""
        text = text.strip()
        try:
            return self._unix_ms(float(text), text)
        except ValueError:
            pass
        moment = self._parse(text)
        at_ms = to_ms(moment) if moment.tzinfo is not None else self._local_ms(moment, text)
        self._last_ms = at_ms
        return at_ms

    @staticmethod
    def _unix_ms(number: float, text: str) -> int:
        # Not a number at all is above nothing, too.
        if not 0 <= number < MOST_UNIX_MS:
            raise ValueError(f"not a time: {text!r}")
        return round(number * 1000) if number < MOST_UNIX_S else round(number)

    def _parse(self, text: str) -> datetime:
        if self._format is None:
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass
        for form in (self._format,) if self._format else LOCAL_FORMATS:
            try:
                moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes later
            except ValueError:
                continue
            self._format = form
            return moment
        raise ValueError(f"not a time: {text!r}")

    def _local_ms(self, moment: datetime, text: str) -> int:
        face_ms = to_ms(moment.replace(tzinfo=UTC))
        first_ms, second_ms, exists = self._offset(face_ms)
        if not exists:
            raise ValueError(f"the clocks of {self._zone.key} skip this time: {text!r}")
        at_ms = face_ms - first_ms
        if second_ms != first_ms and self._last_ms is not None and at_ms <= self._last_ms:
            return face_ms - second_ms
        return at_ms

    def _offset(self, face_ms: int) -> tuple[int, int, bool]:
        """Return the clock's offset when it shows a time first and last, and whether it does.

        Offsets change at full quarter-hours at the finest.
        """
        quarter = face_ms // QUARTER_MS
        if (known := self._offsets.get(quarter)) is not None:
            return known
        face = datetime(1970, 1, 1, tzinfo=self._zone) + timedelta(
            milliseconds=quarter * QUARTER_MS
        )
        first, second = (
            (face.replace(fold=fold).utcoffset() or timedelta()) // timedelta(milliseconds=1)
            for fold in (0, 1)
        )
        back = face.astimezone(UTC).astimezone(self._zone)
        exists = back.replace(tzinfo=None) == face.replace(tzinfo=None)
        self._offsets[quarter] = first, second, exists
        return self._offsets[quarter]
