"""The audit log in the reader's words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from wattkeep.alerts.wording import OWN_NAMES
from wattkeep.monitoring.audit_words import in_words
from wattkeep.monitoring.models import AuditEntry

BY_TOKEN = "token "  # noqa: S105 - a word
# What the log says was done; it is stored in English and read in the reader's language.
DEEDS = (
    noop("added"),
    noop("changed"),
    noop("deleted"),
    noop("command taken back"),
    noop("settings changed"),
    noop("began to look at everybody's sites"),
    noop("stopped looking at everybody's sites"),
    noop("invited"),
    noop("made"),
    noop("password changed"),
    noop("second factor dropped"),
    noop("rolled out"),
    noop("withdrawn"),
    noop("old keys ended"),
    noop("replaced"),
    noop("logged in"),
    noop("other sessions ended"),
    noop("session ended"),
    noop("invitation declined"),
    noop("invitation withdrawn"),
    noop("joined"),
    noop("left"),
    noop("removed"),
    noop("role changed"),
    noop("handed over"),
    noop("revoked"),
    noop("made, may read"),
    noop("made, may write"),
    noop("made, may admin"),
    noop("acknowledged"),
    noop("snoozed"),
    noop("resolved"),
    noop("switched on"),
    noop("switched off"),
    noop("set"),
    noop("undone"),
    noop("failed"),
    noop("authenticator app set up"),
    noop("authenticator app removed"),
    noop("passkey added"),
    noop("passkey removed"),
    noop("recovery codes made"),
    noop("password reset"),
    noop("password set"),
    noop("email changed"),
    noop("email confirmed"),
    noop("email deleted"),
    noop("encryption keys replaced"),
    noop("history imported"),
)


def way_words(by_way_of: str) -> str:
    """Return by what means something was done, unless it was the page."""
    if by_way_of == "command":
        return _("by a command on the server")
    if by_way_of.startswith(BY_TOKEN):
        return _("by the token %(name)s") % {"name": by_way_of.removeprefix(BY_TOKEN)}
    return by_way_of


def thing_words(entry: AuditEntry) -> str:
    """Return what something was done to; Wattkeep's own rules go by a name in every language."""
    if entry.subject in {AuditEntry.Subject.RULE, AuditEntry.Subject.INCIDENT}:
        name, mark, place = entry.thing.partition(" (")
        return f"{_(name) if name in OWN_NAMES else name}{mark}{place}"
    return entry.thing or entry.get_subject_display()


def details_words(entry: AuditEntry) -> str:
    """Return what else is known of it, a line each."""
    return in_words(entry.details)
