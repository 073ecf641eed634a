"""Making devices and their keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from wattkeep.domain.keys import key_hash, key_prefix, new_key, signing_key
from wattkeep.monitoring.accounts import create_home
from wattkeep.monitoring.models import Device, KeyChange, OldKey, Site
from wattkeep.monitoring.rules import make_default_rules
from wattkeep.monitoring.secrets import encrypt

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

AT_ONCE = timedelta(0)
USUAL_OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=30)


def create_device(
    user: User, name: str, *, site: Site | None = None, **fields: Any
) -> tuple[Device, str]:
    """Make a device; return it and its key, which is shown now and never again.

    It is of the site's owner. Without a site it joins `user`'s first one, which is made if there is
    none.
    """
    if site is None:
        site = Site.objects.filter(owner=user).order_by("id").first() or create_home(user)
    key = new_key()
    with transaction.atomic():
        device = Device.objects.create(
            user_id=site.owner_id,
            site=site,
            name=name,
            **_kept_of(key),
            **fields,
        )
        make_default_rules([device])
    return device, key


def replace_key(device: Device, *, keep_old: timedelta = AT_ONCE) -> str:
    """Give a device a new key and return it.

    The old one stays good for `keep_old`, so that the board can be changed meanwhile. Without that
    it, and every older one, stops working within a second, in every process.
    """
    key = new_key()
    kept = _kept_of(key)
    with transaction.atomic():
        # Locked: of two new keys at once, the first one must not get lost without a trace.
        stored = Device.objects.select_for_update().get(pk=device.pk)
        if keep_old > AT_ONCE:
            _retire_key(stored, keep_old)
        else:
            OldKey.objects.filter(device=device).delete()
        for name, value in kept.items():
            setattr(device, name, value)
        device.save(update_fields=list(kept))
    return key


def end_old_keys(device: Device) -> int:
    """Let every replaced key of a device end now; return how many were still good."""
    with transaction.atomic():
        old = OldKey.objects.filter(device=device)
        ended = old.filter(good_until__gt=timezone.now()).count()
        old.delete()
        KeyChange.note()
    return ended


def forget_ended_keys() -> int:
    """Delete the replaced keys whose time is over; return how many."""
    return OldKey.objects.filter(good_until__lte=timezone.now()).delete()[0]


def _retire_key(device: Device, keep_old: timedelta) -> None:
    now = timezone.now()
    OldKey.objects.filter(device=device, good_until__lte=now).delete()
    OldKey.objects.create(
        device=device,
        key_hash=device.key_hash,
        key_prefix=device.key_prefix,
        signing_key=device.signing_key,
        good_until=now + min(keep_old, LONGEST_OVERLAP),
    )


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
        OldKey.objects.filter(device__in=[known[name] for name in names if name in known]).delete()
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
