"""Devices, their keys, and the number that tells every process of a change."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from stored import hear
from wattkeep.domain.keys import key_hash, signing_key
from wattkeep.monitoring.devices import create_device, replace_key
from wattkeep.monitoring.models import Device, DeviceBoot, KeyChange, Site
from wattkeep.monitoring.secrets import SecretUnreadableError, decrypt, encrypt

pytestmark = pytest.mark.django_db


def change():
    return KeyChange.objects.get(pk=1).number


def test_device_joins_the_first_home_and_shows_its_key_once(owner):
    device, key = create_device(owner, "House", location="Cellar", interval_s=5)

    stored = Device.objects.get()
    assert (stored.name, stored.location, stored.interval_s) == ("House", "Cellar", 5)
    assert (stored.user, stored.site, stored.is_active) == (owner, owner.sites.get(), True)
    assert bytes(stored.key_hash) == key_hash(key)
    assert stored.key_prefix == key[:8]
    assert decrypt(stored.signing_key) == signing_key(key)
    assert device == stored


def test_key_itself_is_nowhere_in_the_row(owner):
    _, key = create_device(owner, "House")

    row = Device.objects.values_list().get()
    secret = key.partition("_")[2]
    assert not any(secret in str(value) for value in row)
    assert not any(secret.encode() in bytes(v) for v in row if isinstance(v, bytes | memoryview))


def test_device_of_somebody_without_a_home_makes_one(owner):
    Site.objects.all().delete()

    device, _ = create_device(owner, "House")

    assert (device.site.name, device.site.owner) == ("Home", owner)


def test_new_key_replaces_the_old_one(device):
    old = Device.objects.values("key_hash", "key_prefix", "signing_key").get()

    key = replace_key(device)

    stored = Device.objects.get()
    assert bytes(stored.key_hash) == key_hash(key) != bytes(old["key_hash"])
    assert stored.key_prefix == key[:8] != old["key_prefix"]
    assert decrypt(stored.signing_key) == signing_key(key)


def test_every_change_of_a_device_raises_the_number(owner):
    device, _ = create_device(owner, "House")
    numbers = [change()]
    device.is_active = False
    device.save()
    numbers.append(change())
    replace_key(device)
    numbers.append(change())
    device.delete()
    numbers.append(change())

    assert numbers == [1, 2, 3, 4]


def test_change_that_fails_raises_nothing(owner):
    first, _ = create_device(owner, "House")
    second, _ = create_device(owner, "Shed")
    before = change()
    second.key_hash = first.key_hash

    from django.db import transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(update_fields=["key_hash"])

    assert change() == before


def test_last_seen_is_the_newest_contact_of_any_boot(device):
    at = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert device.last_seen is None

    hear(device, at)
    DeviceBoot.objects.create(
        device=device, boot="9f3c21aa", first_seen=at, last_seen=at + timedelta(seconds=5)
    )

    assert device.last_seen == at + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("field", "value"),
    [("time_zone", "Mars/Olympus"), ("time_zone", ""), ("currency", "eur"), ("currency", "EURO")],
)
def test_site_refuses_what_is_no_zone_and_no_currency(owner, field, value):
    site = owner.sites.get()
    setattr(site, field, value)

    with pytest.raises(ValidationError) as refusal:
        site.full_clean()

    assert list(refusal.value.message_dict) == [field]


@pytest.mark.parametrize("field", ["interval_s", "range_w"])
@pytest.mark.parametrize("value", [0, -1, 10**9, 10**30])
def test_device_refuses_an_interval_or_range_that_cannot_be(device, field, value):
    setattr(device, field, value)

    with pytest.raises(ValidationError) as refusal:
        device.full_clean()

    assert list(refusal.value.message_dict) == [field]


def test_secret_comes_back_only_under_its_own_key(settings):
    stored = encrypt(b"secret")

    assert b"secret" not in stored
    assert decrypt(stored) == b"secret"
    settings.SECRET_KEY = "another installation's"
    with pytest.raises(SecretUnreadableError, match="secret key"):
        decrypt(stored)


def test_a_change_does_not_bring_back_a_key_replaced_meanwhile(owner):
    device, _ = create_device(owner, "House")
    elsewhere = Device.objects.get(pk=device.pk)
    key = replace_key(elsewhere)

    device.name = "Shed"
    device.save()

    device.refresh_from_db()
    assert (device.name, bytes(device.key_hash)) == ("Shed", key_hash(key))
