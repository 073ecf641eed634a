"""Numbers, dates and spans of time as the language in force writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import date_format, get_format
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as noop

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal

# How dates are written, in Django's letters; a language may put them in another order.
FORMS = (
    noop("D"),
    noop("D j"),
    noop("D j M"),
    noop("D j M Y"),
    noop("D j M Y, H:i"),
    noop("D j M, H:i"),
    noop("j"),
    noop("j F"),
    noop("j F Y"),
    noop("j M"),
    noop("j M Y"),
    noop("j M Y, H:i"),
    noop("j M Y, H:i:s"),
    noop("M"),
    noop("M Y"),
    noop("F Y"),
    noop("Y"),
)


def exact_text(value: float | Decimal, decimals: int) -> str:
    """Return a number with all its decimals, so that what adds up is seen to add up."""
    return f"{value:,.{decimals}f}".translate(_separators())


def short_text(value: float) -> str:
    """Return a number with as many decimals as it has."""
    return f"{value:,.12g}".translate(_separators())


def date_text(value: date | datetime, form: str) -> str:
    """Return a date in one of the forms above, in the order of the language."""
    return date_format(value, gettext(form))


def _separators() -> dict[int, str]:
    """Return what stands for Python's comma and point."""
    return {ord(","): get_format("THOUSAND_SEPARATOR"), ord("."): get_format("DECIMAL_SEPARATOR")}
