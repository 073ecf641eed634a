"""Making devices and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattkeep.domain.keys import key_hash, key_prefix, new_key, signing_key
from wattkeep.monitoring.accounts import create_home
from wattkeep.monitoring.models import Device, Site
from wattkeep.monitoring.secrets import encrypt

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def create_device(
    user: User, name: str, *, site: Site | None = None, **fields: Any
) -> tuple[Device, str]:
    """Make a device for `user`; return it and its key, which is shown now and never again.

    Without a site it joins the user's first one, which is made if there is none.
    """
    if site is None:
        site = Site.objects.filter(owner=user).order_by("id").first() or create_home(user)
    key = new_key()
    device = Device.objects.create(
        user=user,
        site=site,
        name=name,
        **_kept_of(key),
        **fields,
    )
    return device, key


def replace_key(device: Device) -> str:
    """Give a device a new key and return it; the old one stops working within a second."""
    key = new_key()
    kept = _kept_of(key)
    for name, value in kept.items():
        setattr(device, name, value)
    device.save(update_fields=list(kept))
    return key


def _kept_of(key: str) -> dict[str, Any]:
    """Return the columns a key leaves: enough to know it again, not enough to send it."""
    return {
        "key_hash": key_hash(key),
        "key_prefix": key_prefix(key),
        "signing_key": encrypt(signing_key(key)),
    }
