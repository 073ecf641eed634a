"""Puts readings into a Wattkeep: `seed_history.py FILE.npz`; prints device, session cookie.

Finished days are sealed and quarter-hours made, as they would be had the readings come in one by
one. May be called again with other readings.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from household_year import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.importing.rows import Entry

NAME = "bench"


def main() -> None:
    """Store the readings in the file that is named."""
    from wattkeep.cli.installation import open_installation

    open_installation(None)
    from wattkeep.importing.sources import Source
    from wattkeep.importing.storing import Target, store_file
    from wattkeep.ledger.update import update_device

    path = Path(sys.argv[1])
    device_id, session = _device_and_session()
    begin = time.monotonic()
    source = Source(path, "wattkeep", (), lambda _: _rows(path))
    store_file(source, Target(device_id, round(time.time() * 1000)))
    stored = time.monotonic()
    update_device(device_id, datetime.now(UTC))
    print(
        f"  sealed in {stored - begin:.0f} s, quarter-hours in {time.monotonic() - stored:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    print(device_id, session)


def _device_and_session() -> tuple[int, str]:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User

    from wattkeep.monitoring.accounts import create_account
    from wattkeep.monitoring.devices import create_device
    from wattkeep.monitoring.sessions import SessionStore

    user = User.objects.filter(username=NAME).first()
    if user is None:
        user = create_account(NAME, "a password nobody uses", time_zone="UTC")
        create_device(user, "House")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return user.devices.get().pk, str(session.session_key)


def _rows(path: Path) -> Iterator[Entry]:
    from wattkeep.importing.rows import Row

    with np.load(path) as arrays:
        columns = [arrays[name].tolist() for name in COLUMNS]
        instants = arrays["at_s"].tolist()
    for line, (at_s, voltage, current, power, energy, frequency, factor) in enumerate(
        zip(instants, *columns, strict=True), 1
    ):
        yield Row(line, at_s * 1000, energy, power, voltage, current, frequency, factor)


if __name__ == "__main__":
    main()
