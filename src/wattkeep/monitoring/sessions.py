"""Sessions whose cookies stand in no table: the database knows each by its cookie's hash only.

Whoever reads the database, or a copy of it, can log in as nobody. Nothing here is asynchronous,
and neither is whatever uses it (`pages.py`).
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db

# Fits the column of Django's table.
NAME_LETTERS = 40


def stored_name(session_key: str) -> str:
    """Return what a session is called in the database; its key cannot be found from it.

    Keys have 160 random bits, so no salt is needed.
    """
    return hashlib.sha256(b"wattkeep.session:" + session_key.encode()).hexdigest()[:NAME_LETTERS]


class SessionStore(db.SessionStore):
    """Django's, with the hash of a session's key in place of the key."""

    def _get_session_from_db(self) -> Any:
        if self.session_key is None:
            return None
        cookie = self.session_key
        self._session_key = stored_name(cookie)
        found = super()._get_session_from_db()  # type: ignore[misc]  # its stubs lack it
        # Without one the parent has dropped the key: a new session gets a new one.
        self._session_key = cookie if found is not None else None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_name(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        made = super().create_model_instance(data)
        made.session_key = stored_name(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        if (key := session_key or self.session_key) is not None:
            super().delete(stored_name(key))
