"""`wattkeep token`: what programs on this machine, and others, prove themselves with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from wattkeep.cli.accounts import json_option, print_rows
from wattkeep.cli.installation import data_dir_option, find_user, open_installation, the_only

if TYPE_CHECKING:
    from pathlib import Path

    from wattkeep.monitoring.models import AccessToken

SCOPES = ("read", "write", "admin")
USUAL_DAYS = 365
MOST_DAYS = 3660
LONGEST_NAME = 100


@click.group()
def token() -> None:
    """List the tokens of programs, make them, and revoke them."""


@token.command("add")
@click.argument("name")
@click.option("--user", "user_name", required=True, help="Whose programs use it.")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="read",
    show_default=True,
    help="What it may do: docs/accounts.md.",
)
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help="When it ends by itself.",
)
@data_dir_option
def add_token(name: str, user_name: str, scope: str, days: int, data_dir: Path | None) -> None:
    """Make a token called NAME; it is the last line on standard output, this once."""
    open_installation(data_dir)
    from django.utils import timezone

    from wattkeep.monitoring.audit import Subject, note
    from wattkeep.monitoring.models import AccessToken
    from wattkeep.monitoring.tokens import MOST_TOKENS, make_token

    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise click.ClickException(f"a token's name has 1 to {LONGEST_NAME} letters.")
    person = find_user(user_name)
    if AccessToken.objects.filter(user=person).count() >= MOST_TOKENS:
        raise click.ClickException(
            f"{user_name} has {MOST_TOKENS} tokens, which is the most. `wattkeep token list` shows"
            " which are not used; `wattkeep token revoke` ends one."
        )
    expires_at = timezone.now() + timedelta(days=days)
    made, text = make_token(person, name, scope=scope, expires_at=expires_at)
    note(None, Subject.TOKEN, f"made, may {made.scope}", on=person, name=name)
    click.echo(
        f"Added token {made.pk}, {name}: it may {scope} until {expires_at:%Y-%m-%d}. Shown this"
        " once:",
        err=True,
    )
    click.echo(text)


@token.command("list")
@click.option("--user", "user_name", default="", help="Of this person only.")
@json_option
@data_dir_option
def list_tokens(user_name: str, as_json: bool, data_dir: Path | None) -> None:
    """List tokens, whose they are, what they may and when they were last used."""
    open_installation(data_dir)
    from wattkeep.api.payloads import iso
    from wattkeep.monitoring.models import AccessToken

    tokens = AccessToken.objects.select_related("user").order_by("pk")
    if user_name:
        tokens = tokens.filter(user=find_user(user_name))
    rows = [
        {
            "id": one.pk,
            "name": one.name,
            "user": one.user.get_username(),
            "scope": one.scope,
            "token": f"{one.token_prefix}_…",
            "expires_at": iso(one.expires_at),
            "last_used_at": iso(one.last_used_at),
        }
        for one in tokens
    ]
    print_rows(rows, as_json=as_json, empty="No token yet. `wattkeep token add NAME --user USER`.")


@token.command("revoke")
@click.argument("name")
@data_dir_option
def revoke_token(name: str, data_dir: Path | None) -> None:
    """Revoke the token NAME (or its number, or what it begins with): it opens nothing any more."""
    open_installation(data_dir)
    from wattkeep.monitoring.audit import Subject, note

    found = _find_token(name)
    number = found.pk
    found.delete()
    note(None, Subject.TOKEN, "revoked", on=found.user, name=found.name)
    click.echo(f"Token {number}, {found.name}, is revoked.")


def _find_token(name: str) -> AccessToken:
    """Return the token with that number, beginning or name: the first of these that there is.

    Raises:
        click.ClickException: there is none, or more than one.
    """
    from django.db.models import Q

    from wattkeep.monitoring.models import AccessToken

    # Anybody may call theirs "7": that is no other one's number.
    wanted = [Q(token_prefix=name.partition("_…")[0]), Q(name=name)] if name else []
    if name.isascii() and name.isdigit():
        wanted.insert(0, Q(pk=int(name[:18])))
    tokens = AccessToken.objects.select_related("user")
    found = next(filter(None, (list(tokens.filter(one)) for one in wanted)), [])
    return the_only(found, "token", name)
