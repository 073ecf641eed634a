"""The words that scripts write into a page, handed to them in its language."""

from __future__ import annotations

import json

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as noop

from wattkeep.web.wording import AGO, SECONDS

SOURCE = "en"
WORDS = (
    noop("just now"),
    *(text for _seconds, *texts in AGO for text in texts),
    SECONDS,
    noop("Copied"),
    noop("Press Ctrl+C"),
    noop("Theme: system"),
    noop("Theme: light"),
    noop("Theme: dark"),
    noop("then"),
    noop("Quarter-hours with kWh"),
    noop("Every reading"),
    noop("Connection lost, retrying…"),
)


def browser_words() -> str:
    """Return English → the page's language as JSON; nothing for English itself."""
    if (get_language() or SOURCE).startswith(SOURCE):
        return ""
    return json.dumps({word: gettext(word) for word in WORDS}, ensure_ascii=False)
