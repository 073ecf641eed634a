"""Second factors, passkeys, sessions, and how passwords are hashed."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import identify_hasher, make_password
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from wattkeep.web.views.accounts_security import browser_name
from web.conftest import PASSWORD
from web.logging_in import NEW_PASSWORD, is_in, log_in, prove

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def code_of(secret, ahead=0):
    """Return the code of now; the next one for a second use, as each counts once."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


@pytest.fixture
def secret(owner):
    """Set an authenticator app up on the page, and return its secret."""
    client = Client()
    log_in(client)
    assert client.get("/account/second-factor/totp/activate/").url.startswith("/account/again/")
    prove(client)
    page = client.get("/account/second-factor/totp/activate/")
    secret = page.context["form"].secret
    answer = client.post("/account/second-factor/totp/activate/", {"code": code_of(secret)})
    assert answer.status_code == 302, answer.context["form"].errors
    return secret


def test_second_factor_is_asked_for_after_the_password(secret, nobody):
    answer = log_in(nobody)

    assert answer.url == "/account/second-factor/authenticate/"
    assert not is_in(nobody)
    assert nobody.get(answer.url).status_code == 200
    wrong = nobody.post(answer.url, {"code": "000000"})
    assert (wrong.status_code, is_in(nobody)) == (200, False)
    right = nobody.post(answer.url, {"code": code_of(secret, 1)})
    assert (right.status_code, is_in(nobody)) == (302, True)


def test_second_factor_leads_to_the_page_asked_for(secret, nobody):
    nobody.post("/login/?next=/devices/", {"username": "owner", "password": PASSWORD})

    answer = nobody.post("/account/second-factor/authenticate/", {"code": code_of(secret, 1)})

    assert answer.url == "/devices/"


def test_second_factor_is_guessed_ten_times_at_the_most(secret, nobody):
    log_in(nobody)
    wrong = "111111" if code_of(secret, 1) != "111111" else "222222"

    answers = [
        nobody.post("/account/second-factor/authenticate/", {"code": wrong}) for _ in range(11)
    ]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    late = nobody.post("/account/second-factor/authenticate/", {"code": code_of(secret, 1)})
    assert (late.status_code, is_in(nobody)) == (429, False)


def test_admin_pages_are_behind_the_second_factor_too(secret, nobody):
    User.objects.update(is_staff=True, is_superuser=True)

    answer = nobody.post("/admin/login/", {"username": "owner", "password": PASSWORD})

    assert answer.url.startswith("/login/")
    assert nobody.get("/admin/").status_code == 302


def test_secrets_of_second_factors_are_not_in_the_database(secret):
    rows = str(list(Authenticator.objects.values("type", "data")))

    assert Authenticator.objects.count() == 2  # the app, and recovery codes
    assert secret not in rows
    seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
    assert seed.startswith("gAAAA")


def test_recovery_code_opens_once(secret, owner, nobody):
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    for expected in (True, False):
        client = Client()
        log_in(client)
        client.post("/account/second-factor/authenticate/", {"code": codes[0]})
        assert is_in(client) is expected


def test_second_factor_is_dropped_only_after_the_password(secret, as_owner):
    address = "/account/second-factor/totp/deactivate/"

    assert as_owner.post(address).url.startswith("/account/")
    assert Authenticator.objects.filter(type="totp").exists()


@pytest.mark.parametrize(
    "address",
    [
        "/account/",
        "/account/tokens/",
        "/account/second-factor/",
        "/account/second-factor/totp/activate/",
        "/account/second-factor/webauthn/",
        "/account/second-factor/webauthn/add/",
        "/account/email/",
        "/password/",
    ],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_of_the_account_is_in_our_look(address, language, owner, mails):
    client = Client(headers={"Accept-Language": language}, HTTP_HOST="localhost")
    log_in(client)
    prove(client)

    page = client.get(address)

    text = page.content.decode()
    assert page.status_code == 200, page.headers
    assert f'<html lang="{language}"' in text
    assert "data-menu" in text
    assert not re.search(r"\sstyle=|<script>|\son\w+=", text)


def test_sessions_are_listed_and_ended_one_by_one(owner):
    here, there = Client(headers={"User-Agent": FIREFOX}), Client()
    log_in(here)
    log_in(there, REMOTE_ADDR="192.0.2.9")

    page = here.get("/account/").content.decode()
    assert "Firefox, Linux" in page
    assert "192.0.2.9" in page
    there_id = UserSession.objects.get(ip="192.0.2.9").pk
    assert here.post(f"/account/sessions/{there_id}/end/").url == "/account/"

    assert (is_in(here), is_in(there)) == (True, False)
    assert "192.0.2.9" not in here.get("/account/").content.decode()


def test_every_other_session_is_ended_at_once(owner):
    clients = [Client() for _ in range(3)]
    for client in clients:
        log_in(client)

    clients[0].post("/account/sessions/end/")

    assert [is_in(client) for client in clients] == [True, False, False]


def test_strangers_sessions_are_not_ones_own(owner, as_stranger):
    client = Client()
    log_in(client)
    session = UserSession.objects.get()

    assert as_stranger.post(f"/account/sessions/{session.pk}/end/").status_code == 404
    as_stranger.post("/account/sessions/end/")
    assert is_in(client)


def test_ending_ones_own_session_is_logging_out(owner):
    client = Client()
    log_in(client)

    answer = client.post(f"/account/sessions/{UserSession.objects.get().pk}/end/")

    assert (answer.url, is_in(client)) == ("/login/", False)


def test_new_password_ends_every_other_session(owner):
    here, there = Client(), Client()
    log_in(here)
    log_in(there)

    body = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    here.post("/password/", body)

    assert (is_in(here), is_in(there)) == (True, False)
    assert here.get("/account/").content.decode().count("/end/") == 2  # this one, and all others


def test_old_hash_is_accepted_and_made_anew_at_the_log_in(owner, nobody, settings):
    settings.PASSWORD_HASHERS = [
        "wattkeep.monitoring.passwords.Argon2Hasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))

    assert log_in(nobody, password="wrong").status_code == 200
    assert User.objects.get().password.startswith("pbkdf2_sha256$")
    assert log_in(nobody).status_code == 302

    stored = User.objects.get().password
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(stored).must_update(stored) is False
    assert log_in(Client()).status_code == 302


@pytest.mark.parametrize(
    ("host", "is_secure", "expected"),
    [
        ("localhost:8000", False, True),
        ("energy.example.org", True, True),
        ("energy.example.org", False, False),
        ("192.168.1.5:8000", True, False),
        ("[::1]:8000", True, False),
    ],
)
@pytest.mark.usefixtures("owner")
def test_passkeys_are_offered_where_browsers_have_them(nobody, settings, host, is_secure, expected):
    settings.NAMED_HOSTS = ["energy.example.org"]
    page = nobody.get("/login/", headers={"Host": host}, secure=is_secure).content.decode()

    assert ("passkey_login" in page) is expected


def test_passkey_log_in_offers_no_list_of_accounts(owner, nobody):
    answer = nobody.get(
        "/account/second-factor/webauthn/login/", headers={"Accept": "application/json"}
    )

    options = answer.json()["request_options"]["publicKey"]
    assert answer.status_code == 200
    assert not options.get("allowCredentials")


@pytest.mark.parametrize(
    ("description", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (iPhone) AppleWebKit Version/17.2 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130", "Edge, Windows"),
        ("curl/8.5", "curl/8.5"),
        ("", "?"),
    ],
)
def test_browsers_are_named_in_a_few_words(description, name):
    assert browser_name(description) == name


def test_what_a_stolen_database_holds_of_sessions_logs_nobody_in(owner):
    client = Client()
    log_in(client)
    cookie = client.cookies["sessionid"].value
    [row] = Session.objects.values_list("session_key", flat=True)
    [listed] = UserSession.objects.values_list("session_key", flat=True)

    thief = Client()
    thief.cookies["sessionid"] = row

    assert row == listed != cookie
    assert cookie not in str(list(Session.objects.values()))
    assert not is_in(thief)
    assert is_in(client)
