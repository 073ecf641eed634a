"""What an ordered file looks like: CSV or NDJSON, of one device or of several."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, NamedTuple

from wattkeep.domain.spreadsheets import safe_cell
from wattkeep.history.export import READINGS_COLUMNS, SLOTS_COLUMNS, csv_lines
from wattkeep.monitoring.models import Export

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wattkeep.monitoring.models import Device

DEVICE_COLUMNS = ("device_id", "device")
# All other cells are numbers.
INSTANTS = frozenset({"timestamp", "start", "end"})
COLUMNS: dict[str, tuple[str, ...]] = {
    Export.What.READINGS: READINGS_COLUMNS,
    Export.What.QUARTER_HOURS: SLOTS_COLUMNS,
}


class Layout(NamedTuple):
    """How a file's lines are written. With `names_devices` each says whose it is."""

    what: str
    format: str
    names_devices: bool

    @classmethod
    def of(cls, export: Export) -> Layout:
        """Return the layout of an ordered file."""
        return cls(export.what, export.format, names_devices=export.is_of_site)

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS[self.what]

    def head(self) -> str:
        """Return what the file begins with."""
        if self.format == Export.Format.NDJSON:
            return ""
        return csv_lines([(*(DEVICE_COLUMNS if self.names_devices else ()), *self.columns)])

    def lines(self, device: Device, rows: Iterable[Sequence[str]]) -> str:
        """Return a device's rows as lines; an empty cell is a value that is not known."""
        if self.format == Export.Format.NDJSON:
            return self._json(device, rows)
        if not self.names_devices:
            return csv_lines(rows)
        name = _quoted(safe_cell(device.name))
        return csv_lines((str(device.pk), name, *row) for row in rows)

    def _json(self, device: Device, rows: Iterable[Sequence[str]]) -> str:
        whose = ""
        if self.names_devices:
            whose = f'"device_id":{device.pk},"device":{json.dumps(device.name)},'
        cells = [f'"{name}":"%s"' if name in INSTANTS else f'"{name}":%s' for name in self.columns]
        pattern = "{" + whose.replace("%", "%%") + ",".join(cells) + "}\n"
        return "".join([pattern % tuple([cell or "null" for cell in row]) for row in rows])


def _quoted(text: str) -> str:
    """Return a cell as CSV writes it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()
