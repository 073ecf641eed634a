"""`wattkeep token`: made, listed, used, revoked."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cli import boards
from wattkeep.domain.keys import key_hash
from wattkeep.monitoring.models import AccessToken, AuditEntry
from wattkeep.monitoring.tokens import MOST_TOKENS, make_token

pytestmark = pytest.mark.django_db


def call(*words):
    return boards.call("token", *words)


def refusal(*words):
    done = call(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    return done.stderr.strip()


def statuses(text):
    program = Client(headers={"Authorization": f"Bearer {text}"})
    changed = program.post("/api/v1/devices/", {"name": "Shed"}, "application/json")
    return program.get("/api/v1/devices/").status_code, changed.status_code


@pytest.mark.parametrize(
    ("options", "scope", "days", "may"),
    [
        ((), "read", 365, (200, 403)),
        (("--scope", "write", "--days", "30"), "write", 30, (200, 201)),
        (("--scope", "admin", "--days", "3660"), "admin", 3660, (200, 201)),
    ],
)
def test_token_is_all_that_is_printed_and_may_what_was_asked(owner, options, scope, days, may):
    done = call("add", "backup", "--user", "owner", *options)

    text = done.stdout.strip()
    made = AccessToken.objects.get()
    assert (made.name, made.scope, bytes(made.token_hash)) == ("backup", scope, key_hash(text))
    assert timedelta(days=days - 1) < made.expires_at - timezone.now() <= timedelta(days=days)
    assert statuses(text) == may
    entry = AuditEntry.objects.get(subject="token")
    assert (entry.deed, entry.thing, entry.account) == (f"made, may {scope}", "backup", owner)
    assert text not in f"{done.stderr}{entry.details}"


def test_tokens_are_listed_without_what_they_are(owner, stranger):
    text = call("add", "backup", "--user", "owner").stdout.strip()
    call("add", "meter", "--user", "stranger", "--scope", "write")

    every = call("list", "--json").stdout
    [own] = json.loads(call("list", "--user", "owner", "--json").stdout)

    assert [row["user"] for row in json.loads(every)] == ["owner", "stranger"]
    assert (own["name"], own["scope"], own["last_used_at"]) == ("backup", "read", None)
    assert text.startswith(own["token"].removesuffix("…"))
    assert text not in every
    assert "backup" in call("list").stdout


@pytest.mark.parametrize("by", ["name", "number", "beginning"])
def test_revoked_token_opens_nothing(owner, by):
    text = call("add", "backup", "--user", "owner").stdout.strip()
    made = AccessToken.objects.get()
    named = {"name": "backup", "number": str(made.pk), "beginning": made.token_prefix}[by]

    assert call("revoke", named).stdout == f"Token {made.pk}, backup, is revoked.\n"

    assert statuses(text) == (401, 401)
    assert AuditEntry.objects.filter(subject="token", deed="revoked", account=owner).exists()
    assert refusal("revoke", "backup").startswith("Error: there is no token called")


def test_two_of_a_name_are_told_apart_by_number(owner, stranger):
    for name in ("owner", "stranger"):
        call("add", "backup", "--user", name)

    assert "give the id" in refusal("revoke", "backup")
    assert AccessToken.objects.count() == 2


def test_a_number_is_nobody_s_name(owner, stranger):
    call("add", "backup", "--user", "owner")
    theirs = AccessToken.objects.get()
    call("add", str(theirs.pk), "--user", "stranger")

    assert "backup, is revoked" in call("revoke", str(theirs.pk)).stdout
    assert AccessToken.objects.get().user == stranger


def test_what_cannot_be_is_refused(owner):
    assert "no user 'nobody'" in refusal("add", "x", "--user", "nobody")
    assert "1 to 100 letters" in refusal("add", " ", "--user", "owner")
    for number in range(MOST_TOKENS):
        make_token(owner, str(number), scope="read", expires_at=timezone.now())
    assert "which is the most" in refusal("add", "x", "--user", "owner")
