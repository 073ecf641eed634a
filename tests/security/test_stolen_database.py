"""A stolen database: whatever stands in it is tried as key, token, password, cookie and link."""

import base64
import hashlib
import re
import sqlite3
from importlib import import_module
from itertools import chain
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.contrib.auth import get_user, get_user_model, hashers
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client, RequestFactory
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings

from alerts.telling import NOON, make_channel, open_incident
from running import PASSWORD
from wattkeep.alerts.notify_links import LinkExpiredError, LinkInvalidError, read
from wattkeep.domain.keys import signing_key
from wattkeep.ingest.keys import identify
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import Device

pytestmark = pytest.mark.django_db(transaction=True)

CHANNEL = "mailtos://bot:tulip-harbour-31@mail.example.org?to=ada@example.org"
# What the program itself writes into every installation.
SAME_EVERYWHERE = {"auth_permission", "django_content_type", "django_migrations"}
PIECE = re.compile(r"[A-Za-z0-9_.:$+/=-]{4,}")


@pytest.fixture
def secrets(settings, owner):
    """Fill an installation with every secret there is and return them."""
    settings.PUBLIC_URL = "https://energy.example.org"
    # As in life; the tests' own hash is a quick one.
    settings.PASSWORD_HASHERS = [f"{hashers.__name__}.PBKDF2PasswordHasher"]
    owner.password = hashers.PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000)
    owner.save()
    device, key = create_device(owner, "House")
    make_channel(owner, CHANNEL, name="Mail")
    open_incident(device, NOON)
    page = Client()
    page.force_login(owner)
    assert page.get("/devices/").status_code == 200
    return {
        "password": PASSWORD,
        "device key": key,
        "signing key": signing_key(key),
        "channel": "tulip-harbour-31",
        "session": page.cookies["sessionid"].value,
        "installation": settings.SECRET_KEY,
    }


def stolen_values():
    """Return every text and blob of every table, as a thief of the file reads it."""
    connection.ensure_connection()
    thief = sqlite3.connect(connection.settings_dict["NAME"])
    thief.text_factory = bytes
    values = set()
    tables = thief.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table.decode() in SAME_EVERYWHERE:
            continue
        for row in thief.execute(f'SELECT * FROM "{table.decode()}"'):
            values |= {value for value in row if isinstance(value, bytes) and value}
    thief.close()
    return values


def candidates(values):
    """Return the values, their pieces, and what they are when read as hex or base64."""
    found = set()
    for value in values:
        text = value.decode("latin-1")
        pieces = {text, *PIECE.findall(text)}
        pieces |= set(chain.from_iterable(re.split(r"[$:.=/]", piece) for piece in list(pieces)))
        pieces |= {value.hex(), base64.urlsafe_b64encode(value).decode()}
        found |= {piece for piece in pieces if 4 <= len(piece) <= 2000}
    return found


def is_token(text):
    """Tell whether a program that shows this gets into the API."""
    asked = RequestFactory().get("/api/v1/devices/", headers={"authorization": f"Bearer {text}"})
    asked.user = AnonymousUser()
    for way in api_settings.DEFAULT_AUTHENTICATION_CLASSES:
        try:
            if way().authenticate(Request(asked)) is not None:
                return True
        except APIException:
            continue
    return False


def test_no_secret_stands_in_it(secrets):
    everything = b"\n".join(stolen_values())
    looks = {
        f"{name} as {how}": look
        for name, secret in secrets.items()
        for raw in [secret if isinstance(secret, bytes) else secret.encode()]
        for how, look in {
            "text": raw,
            "hex": raw.hex().encode(),
            "base64": base64.b64encode(raw).rstrip(b"="),
            "urlsafe base64": base64.urlsafe_b64encode(raw).rstrip(b"="),
            "reversed": raw[::-1],
        }.items()
    }

    assert [name for name, look in looks.items() if look in everything] == []


def test_nothing_in_it_opens_anything(secrets, settings):
    # As good as they are, the right ones open.
    assert identify(key=secrets["device key"])
    found = candidates(stolen_values())
    # Neither authenticate nor check_password: they make up for what a quick hash saves.
    hasher = hashers.PBKDF2PasswordHasher()
    users = list(get_user_model().objects.all())
    assert all(hasher.verify(PASSWORD, user.password) for user in users)
    device = Device.objects.get(name="House")
    opened = []

    print(len(found), "things were tried")
    for one in found:
        if identify(key=one):
            opened.append(("device key", one))
        if any(hasher.verify(one, user.password) for user in users):
            opened.append(("password", one))
        try:
            read(one)
            opened.append(("link", one))
        except (LinkInvalidError, LinkExpiredError):
            pass
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for one in (one for one in found if len(one) <= 64):
        if get_user(SimpleNamespace(session=store.of_cookie(one))).is_authenticated:
            opened.append(("session", one))
        if is_token(one):
            opened.append(("token", one))
    assert device.signing_key
    assert opened == []


def test_nothing_in_it_decrypts_what_is_encrypted(secrets):
    values = stolen_values()
    tokens = [value for value in values if value.startswith(b"gAAAA")]
    opened = []

    assert len(tokens) == 2  # a device's signing key and a channel's address
    for one in candidates(values):
        raw = one.encode("latin-1")
        for made in (raw[:32].ljust(32, b"\0"), hashlib.sha256(raw).digest()):
            fernet = Fernet(base64.urlsafe_b64encode(made))
            for token in tokens:
                try:
                    opened.append(fernet.decrypt(token))
                except InvalidToken:
                    continue
    assert opened == []
