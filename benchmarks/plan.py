"""Writes the plan in docs/scaling.md anew from the costs that stand in it.

python benchmarks/plan.py
"""

from __future__ import annotations

import math
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs/scaling.md"
FLEETS = (1_000, 10_000, 100_000, 1_000_000)
INTERVAL_S = 10
# Shares of a core that are used, so that there is room for what else comes.
SERVER_SHARE, DATABASE_SHARE = 0.6, 0.5
LEDGER_EVERY_S = 30


def main() -> None:
    """Compute the table and the figures in the text, and put them in their places."""
    text = PAGE.read_text(encoding="utf-8")
    rows = "\n".join(row(text, devices) for devices in FLEETS)
    text = re.sub(
        r"(<!-- plan: begin -->\n(?:.*\n){2})(?:\|.*\n)*", lambda m: f"{m[1]}{rows}\n", text
    )
    for devices in FLEETS[2:]:
        head = f"### A plan for {devices:,} devices"
        before, _, rest = text.partition(head)
        part, mark, after = rest.partition("\n##")
        servers = math.ceil(round(figures(text, devices)[1], 6))
        cores = shown(figures(text, devices)[3])
        part = re.sub(r"(\*\*Servers\*\*: )\d+( processes)", rf"\g<1>{servers}\2", part)
        part = re.sub(r"[\d.]+(\s+cores of\s+ledger)", rf"{cores}\1", part)
        text = before + head + part + mark + after
    PAGE.write_text(text, encoding="utf-8")


def cost_s(text: str, name: str) -> float:
    """Return a cost of the page's table in seconds of a core."""
    found = re.search(rf"^\| {re.escape(name)} \| ([\d.]+) \|", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{PAGE.name} has no cost of {name!r}")
    return float(found[1]) / 1000


def figures(text: str, devices: int) -> list[float]:
    """Return posts/s, cores of servers, database and ledger, GB of rows, GB a year, Mbit/s."""
    posts = devices / INTERVAL_S
    return [
        posts,
        posts * cost_s(text, "server, a board's post") / SERVER_SHARE,
        posts * cost_s(text, "PostgreSQL, a board's post") / DATABASE_SHARE,
        devices * cost_s(text, "ledger, a device and run") / LEDGER_EVERY_S,
        posts * 86_400 * 1.25 * 100 / 1e9,
        posts * 31_536_000 * 4.4 / 1e9,
        posts * 800 * 8 / 1e6,
    ]


def row(text: str, devices: int) -> str:
    posts, *others = figures(text, devices)
    cells = " | ".join(shown(value) for value in others)
    return f"| {devices:,} | {posts:,.0f} | {cells} |"


def shown(value: float) -> str:
    """Return a number with two digits that count."""
    if value < 1:
        return f"{value:.2f}"
    if value < 10:  # noqa: PLR2004
        return f"{value:.1f}"
    step = 10 ** (int(math.log10(value)) - 1)
    return f"{round(value / step) * step:,.0f}"


if __name__ == "__main__":
    main()
