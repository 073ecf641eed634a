"""The arithmetic of docs/scaling.md, done again."""

import math
import re

import pytest

from docs.pages import pages

PAGE = pages()["docs/scaling.md"]
INTERVAL_S = 10


def cost_ms(name):
    """Return a measured cost as the page has it."""
    return float(re.search(rf"^\| {re.escape(name)} \| ([\d.]+) \|", PAGE, re.MULTILINE)[1])


def planned():
    """Return the plan's rows as numbers."""
    rows = re.findall(r"^\| [\d,]+ (?:\| [\d,.]+ ){7}\|$", PAGE, re.MULTILINE)
    return [[float(cell.replace(",", "")) for cell in row.strip("| ").split("|")] for row in rows]


def plan(devices):
    """Return what the page's formulas say."""
    posts = devices / INTERVAL_S
    return [
        devices,
        posts,
        posts * cost_ms("server, a board's post") / 1000 / 0.6,
        posts * cost_ms("PostgreSQL, a board's post") / 1000 / 0.5,
        devices * cost_ms("ledger, a device and run") / 1000 / 30,
        posts * 86_400 * 1.25 * 100 / 1e9,
        posts * 31_536_000 * 4.4 / 1e9,
        posts * 800 * 8 / 1e6,
    ]


def test_table_is_what_the_formulas_say():
    assert [row[0] for row in planned()] == [1_000, 10_000, 100_000, 1_000_000]
    for row in planned():
        # Shown with two digits that count.
        assert row == pytest.approx(plan(row[0]), rel=0.051, abs=0.0051)


@pytest.mark.parametrize("devices", [100_000, 1_000_000])
def test_plans_have_the_processes_of_the_table(devices):
    _, _, servers, _, ledger, *_ = plan(devices)
    text = PAGE.partition(f"### A plan for {devices:,} devices")[2].partition("\n## ")[0]

    told = int(re.search(r"\*\*Servers\*\*: (\d+) processes", text)[1])
    assert told == math.ceil(round(servers, 6))
    [cores] = re.findall(r"([\d.]+)\s+cores of\s+ledger", text.partition("\n### ")[0])
    assert float(cores) == pytest.approx(ledger, rel=0.051)
