"""Sessions whose names are kept as a hash: a stolen database logs nobody in.

A browser's cookie holds a session's name. Its row, and the list of where somebody is logged in,
hold an HMAC of that under the installation's secret, which is not in the database.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone

if TYPE_CHECKING:
    from django.http import HttpRequest

# Django's names have no underscore, and 32 letters.
ROW_START = "h_"
ROW_LETTERS = 40


def is_row_key(name: str) -> bool:
    """Tell whether this is what a row holds, which no browser may send."""
    return name.startswith(ROW_START)


def row_key(name: str) -> str:
    """Return what a session's row is called; that of a row is itself."""
    if is_row_key(name):
        return name
    digest = hmac.digest(
        settings.SECRET_KEY.encode(), b"wattkeep.session:" + name.encode(), "sha256"
    )
    return ROW_START + digest.hex()[: ROW_LETTERS - len(ROW_START)]


class SessionStore(db.SessionStore):
    """Django's sessions in the database, under hashed names."""

    @classmethod
    def of_cookie(cls, value: str | None) -> SessionStore:
        """Return the session that a browser names; a new one if it sends what a row holds."""
        return cls(None if value and is_row_key(value) else value)

    def _get_session_from_db(self) -> Any:
        try:
            return self._rows().get()
        except ObjectDoesNotExist:
            self._session_key = None

    async def _aget_session_from_db(self) -> Any:
        try:
            return await self._rows().aget()
        except ObjectDoesNotExist:
            self._session_key = None

    def exists(self, session_key: str) -> bool:
        return super().exists(row_key(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(row_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        made = super().create_model_instance(data)
        made.session_key = row_key(made.session_key)
        return made

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        made = await super().acreate_model_instance(data)
        made.session_key = row_key(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        if name := session_key or self.session_key:
            super().delete(row_key(name))

    async def adelete(self, session_key: str | None = None) -> None:
        if name := session_key or self.session_key:
            await super().adelete(row_key(name))

    def _rows(self) -> Any:
        return self.model.objects.filter(
            session_key=row_key(self.session_key or ""), expire_date__gt=timezone.now()
        )


class SessionMiddleware(DjangoSessionMiddleware):
    """Django's, for names that a browser may send."""

    def process_request(self, request: HttpRequest) -> None:
        request.session = SessionStore.of_cookie(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
