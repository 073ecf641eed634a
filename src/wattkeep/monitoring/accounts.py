"""Making accounts: a user with a home, and who may make one on the page."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from wattkeep.domain.calendar import is_time_zone
from wattkeep.monitoring.models import Site

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SETUP_CODE_FILE = "setup-code"


def create_account(
    username: str, password: str, *, time_zone: str = "", is_admin: bool = False, email: str = ""
) -> User:
    """Make a user and their site "Home". The password must have passed the validators."""
    with transaction.atomic():
        user = get_user_model().objects.create_user(
            username, email, password, is_staff=is_admin, is_superuser=is_admin
        )
        create_home(user, time_zone)
    return user


def create_home(user: User, time_zone: str = "") -> Site:
    """Make the site every user starts with."""
    zone = time_zone if is_time_zone(time_zone) else default_time_zone()
    return Site.objects.create(owner=user, name="Home", time_zone=zone)


def default_time_zone() -> str:
    """Return the zone a new site starts with: the setting, else this machine's, else UTC."""
    candidates = [settings.DEFAULT_SITE_TIME_ZONE]
    with suppress(OSError):
        candidates.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    with suppress(OSError, ValueError):
        candidates.append(str(Path("/etc/localtime").resolve()).split("zoneinfo/")[1])
    found = next((name for name in candidates if name and is_time_zone(name)), "UTC")
    return "UTC" if found in {"Etc/UTC", "Etc/UCT", "Zulu"} else found


def registration_is_open() -> bool:
    """Tell whether a stranger may make an account on the page without a code."""
    return settings.REGISTRATION == "open" and get_user_model().objects.exists()


def awaits_first_account() -> bool:
    """Tell whether nobody has an account yet."""
    return not get_user_model().objects.exists()


def setup_code() -> str:
    """Return the one-time code that the first account is made with, made on the first call."""
    path = settings.DATA_DIR / SETUP_CODE_FILE
    code = _read(path)
    if code == "":
        path.unlink(missing_ok=True)  # a crash or a full disk left it unwritten
    if not code:
        code = "-".join(f"{secrets.randbelow(10_000):04d}" for _ in range(3))
        # Written aside and linked: whoever asks at the same time reads one code, never half of it.
        draft = path.with_name(f".{SETUP_CODE_FILE}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(code, encoding="utf-8")
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
        code = _read(path) or code
    return code


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def is_setup_code(code: str) -> bool:
    """Compare with the one-time code in constant time; only its digits count."""
    digits = _digits(code)
    return bool(digits) and hmac.compare_digest(digits, _digits(setup_code()))


def _digits(code: str) -> bytes:
    return "".join(sign for sign in code if sign in "0123456789").encode()


def forget_setup_code() -> None:
    """Delete the one-time code: the first account exists."""
    (settings.DATA_DIR / SETUP_CODE_FILE).unlink(missing_ok=True)
