"""What `wattkeep board sim` shows: the display in dots, the meter, the faults, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from wattkeep.cli.board_sim import Bench

BRAILLE = 0x2800
# Which bit of a braille letter is which of its 2 x 4 dots, row by row.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
LOG_LINES = 8
KEYS = (
    ("s", "meter silent"),
    ("c", "wrong checksums"),
    ("t", "replies cut short"),
    ("n", "noise on the wire"),
    ("m", "mains off"),
    ("w", "server away"),
    ("o", "display unplugged"),
    ("p", "power cut, now"),
    ("q", "end"),
)


def in_braille(rows: Sequence[bytes]) -> list[str]:
    """Return pixels as lines of braille letters, each two wide and four high."""
    lines = []
    for top in range(0, len(rows), 4):
        letters = []
        for left in range(0, len(rows[top]), 2):
            bits = 0
            for down, pair in enumerate(DOTS):
                for right, bit in enumerate(pair):
                    if rows[top + down][left + right]:
                        bits |= bit
            letters.append(chr(BRAILLE + bits))
        lines.append("".join(letters))
    return lines


def screen_of(bench: Bench) -> RenderableType:
    """Return everything as it is now, for a terminal of 80 x 24 and more."""
    top = Table.grid(padding=(0, 1))
    panel = Panel(Text("\n".join(in_braille(bench.oled.pixels()))), title="display", width=68)
    top.add_row(panel, _keys(bench))
    log = Text(bench.board.log_tail(LOG_LINES), no_wrap=True, overflow="ellipsis")
    return Group(top, Text(meter_line(bench)), Panel(log, title="log", height=LOG_LINES + 2))


def meter_line(bench: Bench) -> str:
    """Return what the meter measures now, in words."""
    shown = bench.meter.reading()
    return (
        f"meter {shown.voltage_dv / 10:.1f} V  {shown.current_ma / 1000:.3f} A  "
        f"{shown.power_dw / 10:.1f} W  {shown.energy_wh / 1000:.3f} kWh   "
        f"starts {bench.board.starts}"
    )


def _keys(bench: Bench) -> Table:
    active = bench.active()
    table = Table.grid(padding=(0, 1))
    for key, words in KEYS:
        style = "bold reverse" if key in active else ""
        table.add_row(Text(key, style="bold"), Text(words, style=style))
    return table
