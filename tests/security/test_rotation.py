"""New encryption keys: everything is taken over, whatever happens in between."""

import stat
from contextlib import suppress
from itertools import chain

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection

from alerts.telling import make_channel
from wattkeep.alerts.notify_channels import address_of
from wattkeep.domain.keys import signing_key
from wattkeep.monitoring import keyring, rotation
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device, NotificationChannel
from wattkeep.monitoring.rotation import rotate
from wattkeep.monitoring.secrets import SecretUnreadableError, decrypt, encrypt

pytestmark = pytest.mark.django_db
ADDRESS = "json://user:tulip@127.0.0.1:9/"


@pytest.fixture
def data(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def keys(owner, data):
    """Return the keys of more devices than go into one batch, by the devices' ids."""
    made = [create_device(owner, f"Device {n}") for n in range(3)]
    make_channel(owner, ADDRESS)
    return {device.pk: key for device, key in made}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 2)


def at_once(_seconds):
    pass


def readable(keys):
    channel = NotificationChannel.objects.get()
    found = {pk: decrypt(stored) for pk, stored in Device.objects.values_list("pk", "signing_key")}
    return found == {pk: signing_key(key) for pk, key in keys.items()} and (
        address_of(channel) == ADDRESS
    )


def tokens():
    yield from (bytes(one) for one in Device.objects.values_list("signing_key", flat=True))
    yield bytes(NotificationChannel.objects.get().url_encrypted)


def under(fernet):
    """Count the stored secrets that one key opens."""
    count = 0
    for token in tokens():
        try:
            fernet.decrypt(token)
        except InvalidToken:
            continue
        count += 1
    return count


def test_everything_is_taken_over_and_the_old_key_is_gone(keys, data):
    old = keyring.newest()
    assert under(old) == 4

    done = rotate(at_once)

    assert done == (4, 0, 1)
    assert readable(keys)
    assert (under(old), under(keyring.newest())) == (0, 4)
    assert stat.S_IMODE((data / "encryption-keys").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["encryption-keys"]


def test_again_is_another_key(keys):
    rotate(at_once)
    first = keyring.key_names()

    assert rotate(at_once) == (4, 0, 1)
    assert readable(keys)
    assert not set(first) & set(keyring.key_names())


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("after", range(12))
def test_broken_off_anywhere_nothing_is_lost_and_it_goes_on(keys, monkeypatch, after):
    steps = iter(range(after))

    def or_die(work):
        def step(*args, **named):
            if next(steps, None) is None:
                raise PowerCutError
            return work(*args, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "write_keys", or_die(keyring.write_keys))
        patch.setattr(rotation._Mover, "_new_token", or_die(rotation._Mover._new_token))
        with suppress(PowerCutError):
            rotate(at_once)
    assert readable(keys)

    rotate(at_once)
    assert readable(keys)
    assert len(keyring.key_names()) == 1
    assert under(keyring.newest()) == 4


def test_what_a_running_server_writes_meanwhile_is_readable(keys, owner):
    late = {}

    def server_writes(_seconds):
        # Encrypted just before the new key was there, stored only now.
        device, key = create_device(owner, "Late")
        stale = keyring.as_fernet(keyring.DERIVED).encrypt(signing_key(key))
        Device.objects.filter(pk=device.pk).update(signing_key=stale)
        late[device.pk] = key

    assert rotate(server_writes) == (5, 0, 1)
    assert readable(keys | late)


def test_another_process_sees_the_new_key_at_once(data):
    before = encrypt(b"before")
    new = Fernet.generate_key().decode()

    keyring.write_keys([new, keyring.DERIVED])

    assert decrypt(before) == b"before"
    assert Fernet(new).decrypt(encrypt(b"after")) == b"after"
    keyring.write_keys([new])
    with pytest.raises(SecretUnreadableError):
        decrypt(before)


def test_a_secret_that_no_key_opens_stops_nothing_and_is_told(keys):
    lost = Fernet(Fernet.generate_key()).encrypt(b"lost")
    NotificationChannel.objects.update(url_encrypted=lost)

    assert rotate(at_once) == (3, 1, 1)
    assert bytes(NotificationChannel.objects.get().url_encrypted) == lost


def test_keys_from_the_environment_are_used_and_none_is_written(keys, settings, data):
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    keyring.write_keys([old, keyring.DERIVED])
    rotate(at_once)
    [old] = keyring.key_names()
    (data / "encryption-keys").unlink()
    settings.ENCRYPTION_KEYS = [new, old]

    assert rotate(at_once) == (4, 0, 0)
    settings.ENCRYPTION_KEYS = [new]
    assert readable(keys)
    assert list(data.iterdir()) == []


def test_no_column_of_secrets_is_forgotten(keys):
    """What looks encrypted in any table is under the new key afterwards."""
    rotate(at_once)
    newest = keyring.newest()
    seen = 0
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for value in chain.from_iterable(cursor.fetchall()):
                raw = value.encode() if isinstance(value, str) else value
                for token in rotation.TOKEN.findall(raw) if isinstance(raw, bytes) else ():
                    assert newest.decrypt(token)
                    seen += 1
    assert seen == 4
