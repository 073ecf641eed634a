"""Making devices and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from wattkeep.domain.keys import key_hash, key_prefix, new_key, signing_key
from wattkeep.monitoring.accounts import create_home
from wattkeep.monitoring.models import Device, KeyChange, Site
from wattkeep.monitoring.rules import make_default_rules
from wattkeep.monitoring.secrets import encrypt

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet


def create_device(
    user: User, name: str, *, site: Site | None = None, **fields: Any
) -> tuple[Device, str]:
    """Make a device for `user`; return it and its key, which is shown now and never again.

    Without a site it joins the user's first one, which is made if there is none.
    """
    if site is None:
        site = Site.objects.filter(owner=user).order_by("id").first() or create_home(user)
    key = new_key()
    with transaction.atomic():
        device = Device.objects.create(
            user=user,
            site=site,
            name=name,
            **_kept_of(key),
            **fields,
        )
        make_default_rules([device])
    return device, key


def replace_key(device: Device) -> str:
    """Give a device a new key and return it; the old one stops working within a second."""
    key = new_key()
    kept = _kept_of(key)
    for name, value in kept.items():
        setattr(device, name, value)
    device.save(update_fields=list(kept))
    return key


def provide_devices(user: User, names: list[str], *, interval_s: int) -> list[str]:
    """Make the user's devices of these names where they are missing; return a new key for each.

    Keys they had before stop working. 10,000 take a few seconds.
    """
    site = Site.objects.filter(owner=user).order_by("id").first() or create_home(user)
    newest_last = Device.objects.filter(user=user).order_by("id")
    known: dict[str, int] = dict(newest_last.values_list("name", "id"))
    keys = dict(zip(names, (new_key() for _ in names), strict=True))
    devices = {
        name: Device(
            pk=known.get(name),
            user=user,
            site=site,
            name=name,
            interval_s=interval_s,
            **_kept_of(key),
        )
        for name, key in keys.items()
    }
    renewed = ["key_hash", "key_prefix", "signing_key", "interval_s"]
    with transaction.atomic():
        Device.objects.bulk_create(
            [device for name, device in devices.items() if name in known],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=renewed,
        )
        made = Device.objects.bulk_create(
            [device for name, device in devices.items() if name not in known]
        )
        make_default_rules(made)
        KeyChange.note()
    return [keys[name] for name in names]


def possible_parents(device: Device) -> QuerySet[Device]:
    """Return the devices that this one may sit behind: its site's, but none behind itself."""
    same_site = Device.objects.filter(user_id=device.user_id, site_id=device.site_id)
    children: dict[int | None, list[int]] = {}
    for child_id, parent_id in same_site.values_list("pk", "parent_id"):
        children.setdefault(parent_id, []).append(child_id)
    below: list[int] = [pk for pk in (device.pk,) if pk]
    for device_id in below:
        below += [one for one in children.get(device_id, []) if one not in below]
    return same_site.exclude(pk__in=below)


def _kept_of(key: str) -> dict[str, Any]:
    """Return the columns a key leaves: enough to know it again, not enough to send it."""
    return {
        "key_hash": key_hash(key),
        "key_prefix": key_prefix(key),
        "signing_key": encrypt(signing_key(key)),
    }
