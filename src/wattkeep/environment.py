"""How a setting is read from the environment: a text, a list, a number, one of some words."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_text(name: str, default: str = "") -> str:
    """Return a setting: its variable, or what the file holds that `<name>_FILE` names."""
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if not path:
        return value or default
    if value:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: leave one out.")
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error}") from None


def read_list(name: str, default: str = "") -> list[str]:
    """Return the parts between commas."""
    return [part.strip() for part in read_text(name, default).split(",") if part.strip()]


def read_flag(name: str, *, default: bool = False) -> bool:
    """Return whether a setting is switched on."""
    value = read_text(name).strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name}={value!r}: write 1 or 0.")


def read_number(name: str, default: float) -> float:
    """Return a setting that is a number."""
    value = read_text(name).strip()
    try:
        return float(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r}: this must be a number.") from None


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return a setting that is one of a few words; what means yes or no is on or off."""
    value = read_text(name).strip().lower() or default
    value = {"1": "on", "true": "on", "yes": "on", "0": "off", "false": "off", "no": "off"}.get(
        value, value
    )
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: write {', '.join(choices)}.")
    return value
