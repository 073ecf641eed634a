"""Every address and method, asked for by everybody: who is answered, and what is never told."""

import re
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from access.addresses import METHODS, every_address
from access.planting import OWNERS_WORDS, SHARED_WORDS, plant
from access.verdicts import BEFORE_DJANGO, VERDICTS, Level

WHERE = "Write down who may do it: tests/access/verdicts.py."
TOKENS = ("read token", "write token", "admin token")
PEOPLE = ("stranger", "viewer", "editor", "owner", "staff")
OUTSIDE = ("nobody", "expired token", "device key", "viewer link")
PERSONAS = (*OUTSIDE[:1], *PEOPLE, *TOKENS, *OUTSIDE[1:])
# What somebody may do at the household; what they have no role at does not exist.
RANKS = {
    "viewer": 1, "editor": 2, "owner": 3, "staff": 3,
    "read token": 1, "write token": 2, "admin token": 3,
}  # fmt: skip
LEVELS = {Level.VIEWER: 1, Level.EDITOR: 2, Level.OWNER: 3}
SAFE = ("GET", "HEAD", "OPTIONS")
TO_LOGIN = "302 to the login"
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE")
# What any request may write: that somebody was here, by what.
TRACES = ("django_session", "usersessions", "accesstoken", "viewerlink", "personlanguage")
# Their address is a key to the household, whoever has it.
KEYS_THEMSELVES = ("v/", "l/", "join/")


@pytest.fixture
def planted(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return plant()


def test_every_address_has_a_verdict():
    routes = {address.route for address in every_address()}

    assert routes - set(VERDICTS) == set(), f"New addresses. {WHERE}"
    assert set(VERDICTS) - routes == set(), f"These addresses are gone. {WHERE}"


def test_every_method_of_the_description_has_a_verdict(planted):
    schema = planted.personas["owner"].get("/api/schema/", headers={"Accept": "application/json"})
    described = {
        (path, method.upper())
        for path, methods in schema.json()["paths"].items()
        if path not in BEFORE_DJANGO
        for method in methods
    }
    known = {
        ("/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route), method)
        for route, methods in VERDICTS.items()
        if route.startswith("api/") and route not in {"api/schema/", "api/docs/"}
        for method in methods
    }

    assert described == known, WHERE


@pytest.mark.parametrize("persona", PERSONAS)
def test_everybody_gets_what_is_theirs_and_nothing_else(planted, persona):
    secrets = secret_words(planted, persona)
    surprises = []
    for address in every_address():
        for method in METHODS:
            may = verdict_on(address, method)
            answer = ask(planted, persona, address, method, may)
            wanted = expected(persona, address.route, method, may)
            what = f"{method} /{address.route}"
            if not is_right(answer.status, wanted, method):
                surprises.append(f"{what}: {answer.status}, not {wanted}")
            if not address.route.startswith(KEYS_THEMSELVES):
                told = [name for name, word in secrets.items() if word.encode() in answer.body]
                surprises += [f"{what} tells: {name}" for name in told]
            if method == "HEAD" and answer.body:
                surprises.append(f"{what}: a body")
            if method in SAFE or may is None:
                surprises += [f"{what} writes: {statement}" for statement in answer.written]

    assert surprises == [], f"{persona}. {WHERE}"


def test_planted_words_are_found_by_their_owner(planted):
    """Otherwise the search above would find nothing anywhere."""
    pages = b"".join(
        ask(planted, "owner", address, "GET", None).body
        for address in every_address()
        if "GET" in VERDICTS[address.route]
    )
    words = {**SHARED_WORDS, **OWNERS_WORDS, "key": planted.key_prefix}
    del words["e-mail"]  # no page shows it while mail is not set up

    assert [name for name, word in words.items() if word.encode() not in pages] == []


@pytest.mark.parametrize("page", ["", "monitoring/site/", "monitoring/device/", "auth/user/"])
def test_administration_is_for_staff_only(planted, page):
    answers = {name: planted.personas[name].get(f"/admin/{page}") for name in PERSONAS}

    assert answers.pop("staff").status_code == 200
    assert {answer.status_code for answer in answers.values()} <= {302, 403}
    secrets = {**SHARED_WORDS, **OWNERS_WORDS, "key prefix": planted.key_prefix}
    answers.pop("owner")  # an error page in their own name
    told = {name for name, one in answers.items() if any_in(secrets, one.content)}
    assert told == set()


@pytest.mark.parametrize("persona", ["nobody", "owner", "admin token", "device key", "viewer link"])
def test_nobody_else_gets_anywhere_in_the_administration(planted, persona):
    surprises = []
    for address in every_address(of_admin=True):
        for method in METHODS:
            answer = ask(planted, persona, address, method, None)
            is_away = answer.status in {TO_LOGIN, 301, 302, 403, 404, 405}
            # Its words and its log-out are everybody's.
            is_free = address.route in {"admin/jsi18n/", "admin/logout/"}
            if (not is_away and not is_free) or answer.written:
                surprises.append(f"{method} /{address.route}: {answer.status} {answer.written}")

    assert surprises == []


def any_in(words, body):
    return any(word.encode() in body for word in words.values())


def verdict_on(address, method):
    """Return who may; who may look may ask for the head alone, where nothing else is said."""
    methods = VERDICTS.get(address.route, {})
    return methods.get("GET" if method == "HEAD" and method not in methods else method)


@dataclass(frozen=True)
class Answer:
    status: int | str
    body: bytes
    written: list


def ask(planted, persona, address, method, may):
    """Return an answer, and what was written for it; what the request changed is undone."""
    client = planted.personas[persona]
    kept = SimpleCookie({name: one.value for name, one in client.cookies.items()})
    is_api = address.route.startswith("api/")
    body = may.body if may else ""
    kind = "application/json" if is_api else "application/x-www-form-urlencoded"
    cache.clear()  # nobody is held up for what others guessed
    written = []

    def watch(execute, statement, *rest):
        if statement.startswith(WRITING) and not any(name in statement for name in TRACES):
            written.append(statement[:80])
        return execute(statement, *rest)

    before = transaction.savepoint()
    try:
        with connection.execute_wrapper(watch):
            answer = client.generic(
                method, address.path(planted), "{}" if is_api and method not in SAFE else body, kind
            )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    finally:
        transaction.savepoint_rollback(before)
        client.cookies = kept
    is_login = answer.status_code == 302 and answer.url.startswith("/login/")
    return Answer(TO_LOGIN if is_login else answer.status_code, content, written)


def expected(persona, route, method, may):
    """Return the status that a persona gets; None where only "not done" matters."""
    if may is None or persona in may.but:
        return may and may.but[persona]
    if may.level is Level.OPEN:
        # Logging out leads there as well.
        return TO_LOGIN if route == "logout/" else may.status
    if may.level is Level.BOARD:
        return may.status if persona == "device key" else 401
    if route.startswith("api/"):
        return _by_the_api(persona, method, may)
    if may.level is Level.GUEST:
        return 302 if persona in PEOPLE else may.status
    return _by_level(persona, may) if persona in PEOPLE else TO_LOGIN


def _by_the_api(persona, method, may):
    if persona in OUTSIDE:
        return 401
    is_allowed = persona not in TOKENS or token_allows(persona, method, may)
    return _by_level(persona, may) if is_allowed else 403


def token_allows(persona, method, may):
    if may.needs_admin:
        return persona == "admin token"
    return method in SAFE or persona != "read token"


def _by_level(persona, may):
    if may.level is Level.PERSON:
        return may.status
    if may.level is Level.STAFF:
        return may.status if persona == "staff" else 404
    if may.level is Level.MINE:
        return may.status if persona in {"owner", *TOKENS} else 404
    return _by_rank(RANKS.get(persona, 0), may)


def _by_rank(rank, may):
    if rank == 0:
        return 404
    return may.status if rank >= LEVELS[may.level] else 403


def is_right(found, wanted, method):
    """Compare; what nobody may do must only not be done, and what may be done may be told."""
    if wanted is None:
        least = 200 if method == "OPTIONS" else 300
        return found == TO_LOGIN or least <= found < 500
    return found == wanted


def secret_words(planted, persona):
    """Return what this persona must never read."""
    words = {} if persona in RANKS else dict(SHARED_WORDS)
    if persona not in {"owner", "staff", *TOKENS}:
        words |= OWNERS_WORDS
    if RANKS.get(persona, 0) < 2 and persona not in TOKENS:
        words["key prefix"] = planted.key_prefix
    return words
