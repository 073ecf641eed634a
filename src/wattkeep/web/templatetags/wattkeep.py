"""Template tags: built files by name, numbers and times as the page writes them."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html

from wattkeep.monitoring.access import sees_all
from wattkeep.monitoring.models import Severity
from wattkeep.monitoring.wording import date_text
from wattkeep.web.alert_wording import TONES
from wattkeep.web.audit_wording import details_words, thing_words, way_words
from wattkeep.web.browser_words import browser_words
from wattkeep.web.wording import STATES, ago_text, number_text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from django.http import HttpRequest

register = template.Library()
register.filter("of_the_log", thing_words)
register.filter("details_of_the_log", details_words)
register.filter("way_of_the_log", way_words)

DIST = Path(__file__).resolve().parent.parent / "static" / "dist"
THEMES = ("light", "dark")


@register.simple_tag
def asset(name: str) -> str:
    """Return the address of a built file; its content's hash is in it, so it is cached for good."""
    return static(f"dist/{asset_names().get(name, name)}")


def asset_names() -> dict[str, str]:
    """Return name → built name; empty while the front end is not built."""
    try:
        changed = (DIST / "manifest.json").stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _read_manifest(changed)


@lru_cache(maxsize=1)
def _read_manifest(_changed: int) -> dict[str, str]:
    names: dict[str, str] = json.loads((DIST / "manifest.json").read_text(encoding="utf-8"))
    return names


@register.simple_tag
def words_for_scripts() -> str:
    """Return what scripts write, in the page's language; empty for English."""
    return browser_words()


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], *starts: str) -> str:
    """Return the attribute of a link to the part of the site that the page belongs to."""
    path = context["request"].path
    if path in starts:
        return format_html(' aria-current="{}"', "page")
    return format_html(' aria-current="{}"', "true") if path.startswith(starts) else ""


@register.filter
def number(value: float | None, decimals: int) -> str:
    """Return a number for people, or a dash for none."""
    return number_text(value, decimals)


@register.filter
def tone(severity: int) -> str:
    """Return how an incident of one of the API's severities is shown."""
    return TONES[Severity(severity)]


@register.filter
def worst_tone(alerts: list[dict[str, Any]]) -> str:
    """Return how a sign for several of the API's incidents is shown; nothing without any."""
    return tone(max(alert["severity"] for alert in alerts)) if alerts else ""


@register.filter
def moment(value: str | None, zone: ZoneInfo) -> str:
    """Return one of the API's instants on the clock of a zone, to the second."""
    if not value:
        return ""
    local = datetime.fromisoformat(value).astimezone(zone)
    return date_text(local, "j M Y, H:i:s")


@register.filter
def day(value: date) -> str:
    """Return a day with its weekday."""
    return date_text(value, "D j M")


@register.filter
def ago(value: str | None, now: datetime) -> str:
    """Return how long one of the API's instants is past."""
    return ago_text(now - datetime.fromisoformat(value)) if value else ""


@register.filter
def state_words(status: str) -> str:
    """Return a device's state in few words; `frontend/src/overview.js` has the same."""
    return str(STATES[status])


@register.filter(name="sees_all")
def _sees_all(request: HttpRequest | None) -> bool:
    """Tell whether an administrator sees everybody's sites at the moment."""
    return hasattr(request, "user") and sees_all(request)


@register.filter
def theme(cookie: str | None) -> str:
    """Return the theme a browser asked us to remember; empty means the system's."""
    return cookie if cookie in THEMES else ""
