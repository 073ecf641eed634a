"""The check that judges the storms: it must see each fault, or it proves nothing."""

from __future__ import annotations

import pytest

from chaos.journal import Fate, Journal, Row, values_of

FIRST_MS = 1_790_000_000_000
ROWS = [Row(7, FIRST_MS + 1000 * counter, values_of(counter)) for counter in (1, 2, 3, 4)]


@pytest.fixture
def journal():
    """Counters 1 and 2 acknowledged, 3 sent, 4 refused, 5 never sent; two of three silences."""
    journal = Journal()
    book = journal.open(7, FIRST_MS)
    counters = [book.make() for _ in range(5)]
    book.mark(counters[:4], Fate.SENT)
    book.mark(counters[:2], Fate.ACKED)
    book.mark(counters[3:4], Fate.REFUSED)
    book.silent_sent, book.silent_acked = 3, 2
    return journal


@pytest.mark.parametrize("rows", [ROWS[:2], ROWS[:3]])
@pytest.mark.parametrize("windows", [2, 3])
def test_what_may_be_is_no_problem(journal, rows, windows):
    assert journal.problems(rows, {7: windows}) == []


@pytest.mark.parametrize(
    ("rows", "windows", "problem"),
    [
        (ROWS[:1], 2, "1 × acknowledged and not stored: device 7: 2"),
        ([*ROWS[:2], ROWS[0]], 2, f"1 × stored twice: {ROWS[0]}"),
        (ROWS, 2, f"1 × stored though the answer was 503: {ROWS[3]}"),
        (ROWS[:2], 1, "1 × silent windows: device 7: 1 stored, 2 acknowledged, 3 sent"),
        (ROWS[:2], 4, "1 × silent windows: device 7: 4 stored, 2 acknowledged, 3 sent"),
    ],
    ids=["lost", "doubled", "refused", "silence-lost", "silence-doubled"],
)
def test_what_may_not_be_is_told(journal, rows, windows, problem):
    assert journal.problems(rows, {7: windows}) == [problem]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (Row(7, FIRST_MS + 5000, values_of(5)), "stored and never sent"),
        (Row(7, FIRST_MS + 6000, values_of(6)), "stored and never sent"),
        (Row(8, FIRST_MS, values_of(1)), "stored and never sent"),
        (ROWS[2]._replace(timestamp_ms=FIRST_MS), "stored at another time"),
        (ROWS[2]._replace(values=(0.0, *values_of(3)[1:])), "stored with other values"),
    ],
    ids=["made-only", "unknown", "other-device", "moved", "torn"],
)
def test_row_that_nobody_sent_is_told(journal, row, kind):
    assert journal.problems([*ROWS[:2], row], {7: 2}) == [f"1 × {kind}: {row}"]


def test_what_senders_found_odd_is_told(journal):
    journal.note("400 where 201 was due")

    assert journal.problems(ROWS[:2], {7: 2}) == ["400 where 201 was due"]
