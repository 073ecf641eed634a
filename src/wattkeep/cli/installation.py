"""Getting hold of an installation: its data folder, its settings, its tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import django

from wattkeep.places import DATABASE_FILE, data_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.models import User

    from wattkeep.monitoring.models import Device

T = TypeVar("T")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept. [env: WATTKEEP_DATA_DIR; default: the user's data folder]",
)


def open_installation(
    data_dir: Path | None, *, up_to_date: bool = True, may_be_new: bool = False
) -> None:
    """Set Django up on `data_dir` and bring its tables up to date, unless they are to stay.

    Only what `may_be_new` makes an installation in a folder that was named with an option: a
    mistyped one would be taken for an empty one.

    Raises:
        click.ClickException: the folder cannot be used, or holds no installation.
    """
    if data_dir is not None:
        os.environ["WATTKEEP_DATA_DIR"] = str(data_dir.expanduser().resolve())
        if not may_be_new:
            require_installation()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wattkeep.settings")
    # What we make holds password hashes and secrets: nobody else's business.
    os.umask(0o077)
    from django.conf import settings

    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        django.setup()
    except OSError as error:
        raise click.ClickException(
            f"the data folder cannot be used: {error}. Choose another with --data-dir."
        ) from error
    if up_to_date:
        migrate()


def require_installation() -> None:
    """Check that there is an installation; of a database server's the server says so.

    Raises:
        click.ClickException: its database would be made.
    """
    if os.environ.get("WATTKEEP_DATABASE_URL") or os.environ.get("WATTKEEP_DATABASE_URL_FILE"):
        return
    folder = data_folder()
    if not (folder / DATABASE_FILE).exists():
        raise click.ClickException(
            f"there is no installation in {folder}. Choose another with --data-dir. `wattkeep up`"
            " makes a new one."
        )


def migrate() -> None:
    """Bring the tables up to date."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    targets = executor.loader.graph.leaf_nodes()
    if executor.migration_plan(targets):
        if connection.vendor == "postgresql" and not settings.IS_BOUNCED:
            # A large table takes the time it takes. The next connection has its limits again.
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def find_user(name: str) -> User:
    """Return the user called `name`.

    Raises:
        click.ClickException: there is none.
    """
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise click.ClickException(
            f"there is no user {name!r}. `wattkeep user list` shows who there is."
        )
    return user


def find_device(name: str) -> Device:
    """Return the device with that name or id.

    Raises:
        click.ClickException: there is none, or more than one.
    """
    from django.db.models import Q

    from wattkeep.monitoring.models import Device

    wanted = Q(name=name) | (Q(pk=int(name)) if name.isascii() and name.isdigit() else Q())
    found = list(Device.objects.filter(wanted).select_related("site")) if name else []
    return the_only(found, "device", name)


def the_only(found: Sequence[T], kind: str, name: str) -> T:
    """Return what was found under a name, which `wattkeep KIND list` shows.

    Raises:
        click.ClickException: there is none, or more than one.
    """
    if not found:
        raise click.ClickException(
            f"there is no {kind} called {name!r}. `wattkeep {kind} list` shows what there is."
        )
    if len(found) > 1:
        raise click.ClickException(
            f"{len(found)} {kind}s are called {name!r}: give the id that `wattkeep {kind} list`"
            " shows."
        )
    return found[0]
