"""What the audit log says of a deed: stored in no language, put into words for whoever reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as noop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHANGED = noop("%(what)s: %(before)s → %(after)s")
# What is told of rows' columns: their names as `audit.words_of` writes them.
LABELS = (
    noop("Address"),
    noop("Alert type"),
    noop("Comparison"),
    noop("Currency"),
    noop("Daily cap"),
    noop("Device"),
    noop("Has an energy counter"),
    noop("Hold (s)"),
    noop("Interval (s)"),
    noop("Is active"),
    noop("Is default"),
    noop("Is enabled"),
    noop("Keep single readings for (days)"),
    noop("Key prefix"),
    noop("Location"),
    noop("Meter range (W)"),
    noop("Metric"),
    noop("Minimum severity"),
    noop("Name"),
    noop("Only above (W)"),
    noop("Owner"),
    noop("Parent"),
    noop("Price of a kWh"),
    noop("Quiet from"),
    noop("Quiet until"),
    noop("Recovery hold (s)"),
    noop("Recovery threshold"),
    noop("Severity"),
    noop("Signed readings only"),
    noop("Site"),
    noop("Threshold"),
    noop("Time zone"),
    noop("User"),
)
YES, NO = noop("yes"), noop("no")


@dataclass(frozen=True, slots=True)
class Told:
    """A text of the language files, and what stands in it: names as they are, or more of these."""

    text: str
    values: Mapping[str, str | Told] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it in the language that is read now."""
        said = gettext(self.text)
        if not self.values:
            return said
        return said % {name: str(value) for name, value in self.values.items()}


def tell(text: str, **values: object) -> Told:
    """Return a text with values; what is no text of ours becomes one of no language."""
    return Told(text, {n: v if isinstance(v, Told) else str(v) for n, v in values.items()})


def pack(lines: str | Told | Iterable[str | Told]) -> str:
    """Return lines as they are stored; a plain one is shown as it is in every language."""
    if isinstance(lines, str | Told):
        lines = [lines] if lines else []
    packed = [_packed(line) for line in lines]
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":")) if packed else ""


def in_words(stored: str) -> str:
    """Return what was stored in the language that is read now, a line each."""
    if not stored.startswith("["):
        return stored  # written before lines were stored so
    try:
        return "\n".join(str(_unpacked(line)) for line in json.loads(stored))
    except (ValueError, TypeError, KeyError, AttributeError):
        return stored


def in_english(stored: str) -> str:
    """Return what was stored as programs read it, whoever asks."""
    with override(None):
        return in_words(stored)


def _packed(value: str | Told) -> Any:
    if isinstance(value, str):
        return value
    return [value.text, {name: _packed(one) for name, one in value.values.items()}]


def _unpacked(stored: Any) -> str | Told:
    if isinstance(stored, str):
        return stored
    text, values = stored
    return Told(text, {name: _unpacked(one) for name, one in values.items()})
