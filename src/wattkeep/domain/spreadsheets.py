"""Cells of files that people open in a spreadsheet."""

from __future__ import annotations

# What a spreadsheet takes for the beginning of a formula, or for one after a broken line.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - meant


def safe_cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula: such a one gets an apostrophe."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
