"""The words that scripts write into a page, handed to them in its language."""

from __future__ import annotations

import json

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as noop

from wattkeep.web.wording import (
    AGO,
    AS_BY,
    AS_MUCH,
    MORE,
    NO_COMPARISON,
    PERCENT_LESS,
    PERCENT_MORE,
    SECONDS,
    THAN_BY,
)

SOURCE = "en"
WORDS = (
    noop("just now"),
    *(text for _seconds, *texts in AGO for text in texts),
    SECONDS,
    *(NO_COMPARISON, MORE, AS_MUCH, PERCENT_MORE, PERCENT_LESS, THAN_BY, AS_BY),
    *("j M Y, H:i:s", "D j M", "j M"),
    *("Online", "Meter silent", "Offline", "Nothing received yet"),
    noop("%(count)s found"),
    noop("%(energy)s in %(period)s"),
    noop("in %(count)s %(bars)s"),
    noop("No bar chosen"),
    noop("Power of the last hour: %(span)s"),
    noop("nothing measured"),
    noop("Copied"),
    noop("Close"),
    noop("Press Ctrl+C"),
    noop("Theme: system"),
    noop("Theme: light"),
    noop("Theme: dark"),
    noop("then"),
    noop("Quarter-hours with kWh"),
    noop("Every reading"),
    noop("Connection lost, retrying…"),
    noop("Off in this browser."),
    noop("On in this browser, also while you look at something else."),
    noop("On, on this page only: browsers allow more on HTTPS or localhost."),
    noop("On, on this page only: this browser does not allow more."),
    noop("Stop in this browser"),
    noop("Show in this browser"),
)


def browser_words() -> str:
    """Return English → the page's language as JSON; nothing for English itself."""
    if (get_language() or SOURCE).startswith(SOURCE):
        return ""
    return json.dumps({word: gettext(word) for word in WORDS}, ensure_ascii=False)
