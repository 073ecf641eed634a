"""Lines of the audit log that pages and the API write alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattkeep.alerts.notify import site_of
from wattkeep.monitoring.audit import Subject, note

if TYPE_CHECKING:
    from datetime import timedelta

    from wattkeep.monitoring.models import Alert, AlertRule, Correction, Device, Site, ViewerLink

MINUTE_S = 60


def place_of(rule: AlertRule) -> Device | Site:
    """Return the device or the site that a rule watches."""
    place = rule.device or rule.site
    if place is None:
        raise ValueError(f"rule {rule.pk} has neither device nor site")
    return place


def note_rule(request: Any, rule: AlertRule, deed: str, details: str = "") -> None:
    """Write that a rule was made, changed or deleted."""
    place = place_of(rule)
    note(request, Subject.RULE, deed, on=place, name=f"{rule.name} ({place})", details=details)


def note_incident(request: Any, alert: Alert, deed: str) -> None:
    """Write what somebody did about an incident."""
    place = alert.device or site_of(alert)
    note(request, Subject.INCIDENT, deed, on=place, name=f"{alert.message} ({place})")


def note_correction(request: Any, device: Device, correction: Correction, deed: str) -> None:
    """Write that a figure was corrected, or put back."""
    zone = device.site.zone
    start, end = (at.astimezone(zone) for at in (correction.start, correction.end))
    wh = correction.energy_wh
    used = "left out of every sum" if wh is None else f"{wh / 1000:.3f} kWh"
    span = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    details = f"{span}: {used}\nReason: {correction.reason}"
    note(request, Subject.CORRECTION, deed, on=device, details=details)


def note_swap(request: Any, device: Device, *, is_new_meter: bool) -> None:
    """Write that a device got other hardware, and with it a new key."""
    what = "meter" if is_new_meter else "board"
    note(request, Subject.KEY, "replaced", on=device, details=f"It got another {what}.")


def note_new_key(request: Any, device: Device, kept_for: timedelta) -> None:
    """Write that a device got a new key, and how long the old one stays good."""
    hours = kept_for.total_seconds() / (MINUTE_S * MINUTE_S)
    old = f"The old key is good for {hours:g} more hours." if hours else "The old key ended."
    details = f"{old}\nThe new one begins with {device.key_prefix}."
    note(request, Subject.KEY, "replaced", on=device, details=details)


def note_link(request: Any, link: ViewerLink, deed: str) -> None:
    """Write that a viewer link was made or revoked."""
    what = link.device or link.site
    name = f"{link.name or 'unnamed'} ({what})"
    details = f"Good until {link.expires_at:%Y-%m-%d %H:%M} UTC"
    note(request, Subject.LINK, deed, on=link.site, name=name, details=details)
