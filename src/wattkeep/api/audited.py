"""Lines of the audit log that pages and the API write alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as noop

from wattkeep.alerts.notify import site_of
from wattkeep.monitoring.audit import Subject, in_no_language, note
from wattkeep.monitoring.audit_words import CHANGED, Told, tell
from wattkeep.monitoring.models import BoardCommand, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from django.contrib.auth.models import User

    from wattkeep.monitoring.models import (
        Alert,
        AlertRule,
        Correction,
        Device,
        Site,
        SiteInvitation,
        SiteMember,
        ViewerLink,
    )

MINUTE_S = 60
BY_LINK = Told(noop("By a link"))
ROLE = noop("Role: %(role)s")
SETTING = noop("%(what)s: %(value)s")
SETTING_NAMES = {
    "interval_s": noop("Interval in seconds"),
    "display": noop("Display"),
    "contrast": noop("Contrast of the display"),
    "meters": noop("Address of its meter"),
}
SWITCH = {
    None: Told(noop("As in its own file")),
    True: Told(noop("On")),
    False: Told(noop("Off")),
}
TOLD_TO = {
    BoardCommand.Kind.RESET_ENERGY: noop("told: Set the meter's counter to 0"),
    BoardCommand.Kind.REBOOT: noop("told: Restart the board"),
    BoardCommand.Kind.SEND_LOG: noop("told: Send its log"),
}


def place_of(rule: AlertRule) -> Device | Site:
    """Return the device or the site that a rule watches."""
    place = rule.device or rule.site
    if place is None:
        raise ValueError(f"rule {rule.pk} has neither device nor site")
    return place


def note_rule(request: Any, rule: AlertRule, deed: str, details: Sequence[str | Told] = ()) -> None:
    """Write that a rule was made, changed or deleted."""
    place = place_of(rule)
    note(request, Subject.RULE, deed, on=place, name=f"{rule.name} ({place})", details=details)


def note_incident(
    request: Any, alert: Alert, deed: str, details: Sequence[str | Told] = ()
) -> None:
    """Write what somebody did about an incident, which goes by its rule's name."""
    place = alert.device or site_of(alert)
    what = alert.rule.name if alert.rule else in_no_language(alert.get_alert_type_display).text
    note(request, Subject.INCIDENT, deed, on=place, name=f"{what} ({place})", details=details)


def note_correction(request: Any, device: Device, correction: Correction, deed: str) -> None:
    """Write that a figure was corrected, or put back."""
    zone = device.site.zone
    start, end = (
        f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (correction.start, correction.end)
    )
    wh = correction.energy_wh
    if wh is None:
        used = tell(noop("%(start)s to %(end)s: left out of every sum"), start=start, end=end)
    else:
        kwh = f"{wh / 1000:.3f}"
        used = tell(noop("%(start)s to %(end)s: %(kwh)s kWh"), start=start, end=end, kwh=kwh)
    reason = tell(noop("Reason: %(reason)s"), reason=correction.reason)
    note(request, Subject.CORRECTION, deed, on=device, details=[used, reason])


def note_swap(request: Any, device: Device, *, is_new_meter: bool) -> None:
    """Write that a device got other hardware, and with it a new key."""
    what = noop("It got another meter.") if is_new_meter else noop("It got another board.")
    note(request, Subject.KEY, "replaced", on=device, details=Told(what))


def note_new_key(request: Any, device: Device, kept_for: timedelta) -> None:
    """Write that a device got a new key, and how long the old one stays good."""
    hours = kept_for.total_seconds() / (MINUTE_S * MINUTE_S)
    if hours:
        old = tell(noop("The old key is good for %(hours)s more hours."), hours=f"{hours:g}")
    else:
        old = Told(noop("The old key ended."))
    new = tell(noop("The new one begins with %(prefix)s."), prefix=device.key_prefix)
    note(request, Subject.KEY, "replaced", on=device, details=[old, new])


def note_link(request: Any, link: ViewerLink, deed: str) -> None:
    """Write that a viewer link was made or revoked."""
    what = link.device or link.site
    name = f"{link.name} ({what})" if link.name else str(what)
    until = tell(noop("Good until %(moment)s UTC"), moment=f"{link.expires_at:%Y-%m-%d %H:%M}")
    note(request, Subject.LINK, deed, on=link.site, name=name, details=until)


def note_setup(request: Any, device: Device, changed: Mapping[str, Any]) -> None:
    """Write what a board was set to: the values by their names in `Setup`, and `interval_s`."""
    lines = []
    for name, value in changed.items():
        shown: object = SWITCH[value] if name == "display" else value
        if name == "meters":
            shown = ", ".join(map(str, value))
        shown = "–" if shown is None or shown == "" else shown
        lines.append(tell(SETTING, what=Told(SETTING_NAMES[name]), value=shown))
    note(request, Subject.BOARD, "settings changed", on=device, details=lines)


def note_share(request: Any, version: str, before: int, after: int) -> None:
    """Write that a release of the firmware goes to another share of the boards."""
    told = tell(noop("Share: %(before)s %% → %(after)s %%"), before=before, after=after)
    note(request, Subject.FIRMWARE, "rolled out", name=version, details=told)


def note_command(request: Any, device: Device, kind: str) -> None:
    """Write what a board was told to do."""
    note(request, Subject.BOARD, TOLD_TO[BoardCommand.Kind(kind)], on=device)


def note_account_invitation(request: Any, email: str, *, by: User | None = None) -> None:
    """Write that somebody may make an account; `by`: where a command did it."""
    told = "" if email else BY_LINK
    note(request, Subject.ACCOUNT, "invited", on=by, name=email or "–", details=told)


def note_invitation(request: Any, invitation: SiteInvitation, deed: str) -> None:
    """Write that somebody was invited to a site, or is not any more."""
    site = invitation.site
    whom = invitation.addressee
    lines = [role_line(invitation.role)] + ([] if whom else [BY_LINK])
    name = f"{whom} ({site})" if whom else str(site)
    note(request, Subject.MEMBER, deed, on=site, name=name, details=lines)


def note_member(request: Any, member: SiteMember, deed: str, details: str | Told = "") -> None:
    """Write what became of somebody who shares a site."""
    name = f"{member.user} ({member.site})"
    note(request, Subject.MEMBER, deed, on=member.site, name=name, details=details)


def note_role(request: Any, member: SiteMember, before: int) -> None:
    """Write that a member got another role."""
    roles = (_role(before), _role(member.role))
    told = tell(CHANGED, what=Told(noop("Role")), before=roles[0], after=roles[1])
    note_member(request, member, "role changed", told)


def note_new_owner(request: Any, site: Site, before: User, after: User) -> None:
    """Write that a site was handed over."""
    told = tell(CHANGED, what=Told("Owner"), before=before, after=after)
    note(request, Subject.SITE, "handed over", on=site, details=told)


def role_line(role: int) -> Told:
    """Return a line of the log about a role."""
    return tell(ROLE, role=_role(role))


def _role(role: int) -> Told:
    return in_no_language(lambda: Role(role).label)
