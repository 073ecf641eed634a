"""The audit log: who changed what, when and from where; no secret ever stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db.models import BinaryField, Q
from django.utils.translation import override

from wattkeep.arrival import client_address
from wattkeep.domain.calendar import day_start
from wattkeep.monitoring.access import Principal, principal_of, role_on, sites_for
from wattkeep.monitoring.audit_words import CHANGED, NO, YES, Told, pack, tell
from wattkeep.monitoring.models import AccessToken, AuditEntry, Device, Role, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from django.db.models import Model, QuerySet

Subject = AuditEntry.Subject
KEPT_FOR = timedelta(days=731)
LONGEST_VALUE = 120
ROWS_A_TRANSACTION = 5_000
UTC_ZONE = ZoneInfo("UTC")
NEVER_TOLD = frozenset({"id", "password", "config_version", "last_login", "created_at"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Who did something, from where, by what means."""

    who: Principal = field(default_factory=Principal)
    address: str = ""
    by_way_of: str = ""

    @classmethod
    def of(cls, request: Any) -> Origin:
        """Return where a request came from; without one it was a command on the machine itself."""
        if request is None:
            return cls(by_way_of="command")
        token = getattr(request, "auth", None)
        way = f"token {token.name}" if isinstance(token, AccessToken) else ""
        return cls(principal_of(request), client_address(request)[:45], way[:120])


def note(  # noqa: PLR0913 - a line of the log is that much, nearly all of it named
    request: Any,
    subject: Subject,
    deed: str,
    *,
    on: Device | Site | User | None = None,
    name: str = "",
    details: str | Told | Iterable[str | Told] = "",
) -> AuditEntry:
    """Write one line: whoever sent `request` (None: a command) did `deed`.

    `on` is what it was done to: a device, a site, an account, or without it the doer's own.
    `name` says what exactly, where that is not the thing itself: "Kettle left on". `deed` is a
    text of the language files; names and `details` are of no language, or `Told`.
    """
    origin = Origin.of(request)
    actor = origin.who.user if origin.who.user_id else None
    site = _site_of(on)
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        by_way_of=origin.by_way_of,
        address=origin.address,
        is_as_admin=_is_as_admin(origin.who, site),
        subject=subject,
        site=site,
        account=on if isinstance(on, User) else (actor if on is None else None),
        thing=(name or _name_of(on))[:200],
        deed=deed[:200],
        details=pack(details),
    )


def words_of(row: Model, columns: Collection[str] | None = None) -> dict[str, str | Told]:
    """Return what may be told of a row: its columns' names and values in words, no secrets."""
    found = {}
    for column in row._meta.concrete_fields:  # noqa: SLF001 - Django's way to a row's columns
        is_told = column.name not in NEVER_TOLD and not isinstance(column, BinaryField)
        if is_told and (columns is None or column.name in columns):
            shown = getattr(row, f"get_{column.name}_display", None)
            value = getattr(row, column.name)
            found[_label(column)] = in_no_language(shown) if shown else _words(value)
    return found


def in_no_language(say: Callable[[], object]) -> Told:
    """Return what `say` returns, a choice's name for instance, to be read in any language."""
    with override(None):
        return Told(str(say()))


def changes(before: Mapping[str, str | Told], after: Mapping[str, str | Told]) -> list[Told]:
    """Return what is different, a line each: "Name: House → Home"."""
    names = dict.fromkeys([*before, *after])
    return [
        tell(CHANGED, what=Told(name), before=before.get(name, "–"), after=after.get(name, "–"))
        for name in names
        if before.get(name) != after.get(name)
    ]


def entries_for(who: Principal) -> QuerySet[AuditEntry]:
    """Return the lines `who` may read, newest first.

    An owner those of their sites, everybody those of their account and of what they did.
    """
    rows = AuditEntry.objects.select_related("site")
    if who.sees_all:
        return rows
    if not who.user_id:
        return rows.none()
    own_sites = sites_for(who, Role.OWNER).values("pk")
    own = Q(site__in=own_sites) | Q(account_id=who.user_id) | Q(actor_id=who.user_id)
    return rows.filter(own)


def filter_entries(rows: QuerySet[AuditEntry], wanted: Mapping[str, Any]) -> QuerySet[AuditEntry]:
    """Return the lines asked for: `subject`, `site` (its number), `actor`, `since`, `until`.

    `actor` is a part of a name; the two days count whole, in UTC.
    """
    if "subject" in wanted:
        rows = rows.filter(subject=wanted["subject"])
    if "site" in wanted:
        rows = rows.filter(site_id=wanted["site"])
    if "actor" in wanted:
        rows = rows.filter(actor_name__icontains=wanted["actor"])
    if "since" in wanted:
        rows = rows.filter(at__gte=day_start(wanted["since"], UTC_ZONE))
    if "until" in wanted:
        rows = rows.filter(at__lt=day_start(wanted["until"] + timedelta(days=1), UTC_ZONE))
    return rows


def forget_old(now: datetime) -> int:
    """Delete the lines of more than two years ago; return how many."""
    deleted = 0
    while True:
        old = AuditEntry.objects.filter(at__lt=now - KEPT_FOR).order_by("at")
        ids = list(old.values_list("pk", flat=True)[:ROWS_A_TRANSACTION])
        if not ids:
            return deleted
        deleted += AuditEntry.objects.filter(pk__in=ids).delete()[0]


def _site_of(on: Device | Site | User | None) -> Site | None:
    return on.site if isinstance(on, Device) else on if isinstance(on, Site) else None


def _name_of(on: Device | Site | User | None) -> str:
    return "" if on is None else str(on)


def _is_as_admin(who: Principal, site: Site | None) -> bool:
    if site is None or not who.sees_all:
        return False
    return role_on(replace(who, sees_all=False), site) is None


def _label(column: Any) -> str:
    if column.name == "url_shown":
        return "Address"
    name = str(column.verbose_name)
    return f"{name[:1].upper()}{name[1:]}"


def _words(value: Any) -> str | Told:
    if isinstance(value, bool):
        return Told(YES if value else NO)
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
