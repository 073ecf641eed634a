"""What one page hands to the next, once: a new key, a correction that can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from wattkeep.monitoring.models import Correction

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.http import HttpRequest

    from wattkeep.monitoring.models import Device

SESSION_NAME = "new_key"
KEPT_S = 60


def hold_key(request: HttpRequest, device: Device, key: str) -> None:
    """Keep a key for the page that comes next.

    It never stands in an address, which browsers and proxies write down. A redirect lies between
    the form and that page, so that reloading it cannot make a second device.
    """
    request.session[SESSION_NAME] = [device.pk, key, timezone.now().timestamp() + KEPT_S]


def take_key(request: HttpRequest, device: Device) -> str | None:
    """Return the key held for this device and forget it: the second call returns None."""
    held = request.session.pop(SESSION_NAME, None)
    if held is None:
        return None
    device_id, key, until = held
    is_ours = device_id == device.pk and timezone.now().timestamp() <= until
    return key if is_ours else None


def hold_secret(request: HttpRequest, name: str, text: str) -> None:
    """Keep a secret of this name for the page that comes next."""
    request.session[name] = [text, timezone.now().timestamp() + KEPT_S]


def take_secret(request: HttpRequest, name: str) -> str | None:
    """Return the secret held by this name and forget it."""
    text, until = request.session.pop(name, None) or ("", 0)
    return text if timezone.now().timestamp() <= until else None


CORRECTION_NAME = "new_correction"


def hold_correction(request: HttpRequest, correction: Correction) -> None:
    """Keep a correction just set for the page that comes next, which offers to undo it."""
    request.session[CORRECTION_NAME] = correction.pk


def take_correction(request: HttpRequest, device_ids: Collection[int]) -> Correction | None:
    """Return the correction just set on one of these devices, unless it is undone; forget it."""
    held = request.session.pop(CORRECTION_NAME, None)
    if held is None:
        return None
    rows = Correction.objects.filter(pk=held, device_id__in=device_ids, undone_at=None)
    return rows.select_related("device", "author").first()
