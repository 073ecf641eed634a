"""Making the devices of a fleet in bulk."""

import pytest

from wattkeep.domain.keys import key_hash, signing_key
from wattkeep.monitoring.accounts import create_account
from wattkeep.monitoring.devices import create_device, provide_devices
from wattkeep.monitoring.models import Device, KeyChange
from wattkeep.monitoring.secrets import decrypt

NAMES = ["fleet-1", "fleet-2", "fleet-3"]


@pytest.fixture
def owner(db):
    return create_account("owner", "lantern-orbit-7")


def devices_of(user):
    return {
        device.name: (device.pk, bytes(device.key_hash), bytes(device.signing_key))
        for device in Device.objects.filter(user=user)
    }


def test_devices_are_made_with_keys_that_open_them(owner):
    keys = provide_devices(owner, NAMES, interval_s=7)

    made = devices_of(owner)
    assert list(made) == NAMES
    assert [digest for _, digest, _ in made.values()] == [key_hash(key) for key in keys]
    assert [decrypt(secret) for _, _, secret in made.values()] == [signing_key(k) for k in keys]
    assert set(Device.objects.values_list("interval_s", "site__name")) == {(7, "Home")}


def test_devices_that_exist_keep_their_id_and_get_a_new_key(owner):
    other, _ = create_device(owner, "Kitchen")
    stranger = create_account("stranger", "lantern-orbit-7")
    provide_devices(stranger, NAMES, interval_s=10)
    theirs = devices_of(stranger)
    first = provide_devices(owner, NAMES[:2], interval_s=10)
    before, change = devices_of(owner), KeyChange.objects.get().number

    second = provide_devices(owner, NAMES, interval_s=10)

    after = devices_of(owner)
    assert [after[name][0] for name in NAMES[:2]] == [before[name][0] for name in NAMES[:2]]
    assert [after[name][1] for name in NAMES] == [key_hash(key) for key in second]
    assert not set(first) & set(second)
    assert after["Kitchen"] == (other.pk, bytes(other.key_hash), bytes(other.signing_key))
    assert devices_of(stranger) == theirs
    assert KeyChange.objects.get().number > change
