"""Personal access tokens: what each may do, what is kept of them, when they end."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from wattkeep.api.authentication import bearer_token
from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import AccessToken, Device
from wattkeep.monitoring.tokens import MOST_TOKENS, find_token, make_token

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens/"
NOT_GOOD = (401, {"detail": "This token is not good."})
TOO_NARROW = (403, {"detail": "This token may not do that: its scope is too narrow."})


@pytest.fixture
def bearing(owner):
    """Return what makes a client that bears a new token of the owner's."""

    def make(scope="read", days=30, user=owner):
        expires_at = timezone.now() + timedelta(days=days)
        token, text = make_token(user, f"For {scope}", scope=scope, expires_at=expires_at)
        client = Client(headers={"Authorization": f"Bearer {text}"}, enforce_csrf_checks=True)
        client.token, client.text = token, text
        return client

    return make


def send(client, method, address, body=None):
    answer = client.generic(method, address, body or "", content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def test_only_the_hash_and_what_may_be_shown_are_kept(owner):
    token, text = make_token(
        owner, "Panel", scope="read", expires_at=timezone.now() + timedelta(days=1)
    )

    stored = AccessToken.objects.values().get()
    assert text.startswith(f"{token.token_prefix}_")
    assert token.token_prefix.startswith("wkp_")
    assert bytes(stored["token_hash"]) == key_hash(text)
    assert text.removeprefix(f"{token.token_prefix}_") not in str(stored)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("read", [200, 403, 403, 403]),
        ("write", [200, 200, 403, 403]),
        ("admin", [200, 200, 201, 204]),
    ],
)
def test_scopes_open_as_much_as_they_say(bearing, device, scope, expected):
    client = bearing(scope)
    one = f"/api/v1/devices/{device.pk}/"

    answers = [
        send(client, "GET", one)[0],
        send(client, "PATCH", one, '{"location": "Attic"}')[0],
        send(client, "POST", f"{one}key/")[0],
        send(client, "DELETE", one, '{"name": "House"}')[0],
    ]

    assert answers == expected
    assert Device.objects.exists() == (scope != "admin")


def test_refusal_says_that_it_is_the_scope(bearing, device):
    answer = send(bearing(), "PATCH", f"/api/v1/devices/{device.pk}/", '{"location": "Attic"}')

    assert answer == TOO_NARROW
    device.refresh_from_db()
    assert device.location == "Main panel"


def test_tokens_open_their_own_users_things_only(bearing, device, stranger):
    client = bearing("admin", user=stranger)

    assert send(client, "GET", "/api/v1/devices/") == (200, [])
    assert send(client, "GET", f"/api/v1/devices/{device.pk}/")[0] == 404


def test_expired_revoked_unknown_and_malformed_get_the_same_answer(bearing, device):
    expired, revoked, good = bearing(days=-1), bearing(), bearing()
    revoked.token.delete()
    right = good.text
    texts = [expired.text, revoked.text, right[:-1], right + "x", right[:12] + "_x", "", "x" * 5000]

    answers = [
        send(Client(headers={"Authorization": f"Bearer {text}"}), "GET", "/api/v1/devices/")
        for text in texts
    ]

    assert answers == [NOT_GOOD] * len(texts)
    assert send(good, "GET", "/api/v1/devices/")[0] == 200


def test_token_of_somebody_who_may_not_log_in_any_more_is_dead(bearing, owner):
    client = bearing("admin")
    owner.is_active = False
    owner.save()

    assert send(client, "GET", "/api/v1/devices/") == NOT_GOOD


def test_wrong_token_is_not_rescued_by_a_session(as_owner, device):
    answer = as_owner.get("/api/v1/devices/", headers={"Authorization": "Bearer wkp_no"})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_pages_take_no_token(bearing, device):
    assert bearing("admin").get("/devices/").status_code == 302


def test_use_is_written_once_a_minute(bearing, device):
    client = bearing()
    send(client, "GET", "/api/v1/devices/")
    first = AccessToken.objects.get().last_used_at
    send(client, "GET", "/api/v1/devices/")
    again = AccessToken.objects.get().last_used_at
    AccessToken.objects.update(last_used_at=first - timedelta(seconds=61))
    send(client, "GET", "/api/v1/devices/")

    assert first is not None
    assert again == first
    assert AccessToken.objects.get().last_used_at > first


def test_logged_in_people_make_list_and_revoke_their_tokens(as_owner, as_stranger):
    status, made = send(as_owner, "POST", TOKENS, '{"name": "Panel", "scope": "read", "days": 7}')
    text = made.pop("token")
    listed = send(as_owner, "GET", TOKENS)
    one = f"{TOKENS}{made['id']}/"

    assert (status, listed) == (201, (200, [made]))
    assert find_token(text).name == "Panel"
    assert AccessToken.objects.get().expires_at.date() == (timezone.now() + timedelta(7)).date()
    assert send(as_stranger, "GET", TOKENS) == (200, [])
    assert send(as_stranger, "DELETE", one)[0] == 404
    assert send(as_owner, "DELETE", one)[0] == 204
    assert find_token(text) is None


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"name": "", "scope": "read"}',
        '{"name": "x", "scope": "root"}',
        '{"name": "x", "scope": "read", "days": 0}',
        '{"name": "x", "scope": "read", "days": 3661}',
        "[]",
    ],
)
def test_token_that_cannot_be_is_refused(as_owner, body):
    assert send(as_owner, "POST", TOKENS, body)[0] == 400
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize(("scope", "expected"), [("read", 403), ("write", 403), ("admin", 201)])
def test_tokens_make_tokens_only_if_they_may_do_everything(bearing, scope, expected):
    client = bearing(scope)

    assert send(client, "POST", TOKENS, '{"name": "More", "scope": "admin"}')[0] == expected
    assert send(client, "GET", TOKENS)[0] == (200 if scope == "admin" else 403)


def test_there_is_a_most_of_tokens(as_owner, owner, bearing):
    for _ in range(MOST_TOKENS):
        bearing()

    assert send(as_owner, "POST", TOKENS, '{"name": "x", "scope": "read"}')[0] == 400


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("", None),
        ("Bearer", ""),
    ],
)
def test_header_is_read_as_the_standard_says(header, text):
    assert bearer_token(header) == text


def test_page_shows_a_token_once_and_asks_for_the_password_first(owner, nobody):
    nobody.force_login(owner)
    form = {"name": "Panel", "scope": "read", "days": "30"}
    asked = nobody.post("/account/tokens/", form)
    assert asked.url.startswith("/account/again/")
    assert not AccessToken.objects.exists()

    nobody.post("/account/again/", {"password": "lantern-orbit-7"})
    first = nobody.post("/account/tokens/", form, follow=True)
    second = nobody.get("/account/tokens/")

    text = first.context["new_token"]
    assert find_token(text).scope == "read"
    assert text in first.content.decode()
    assert text not in second.content.decode()
    assert "Panel" in second.content.decode()


def test_page_revokes_ones_own_only(bearing, as_owner, as_stranger):
    client = bearing()
    address = f"/account/tokens/{client.token.pk}/revoke/"

    assert as_stranger.post(address).status_code == 404
    assert as_owner.get(address).status_code == 405
    assert send(client, "GET", "/api/v1/devices/")[0] == 200
    assert as_owner.post(address).status_code == 302
    assert send(client, "GET", "/api/v1/devices/") == NOT_GOOD
