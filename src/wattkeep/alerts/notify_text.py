"""What a message about incidents says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from wattkeep.alerts.notify import Kind, site_of
from wattkeep.alerts.notify_links import (
    ACKNOWLEDGE,
    ALERTS_PATH,
    SNOOZE,
    address,
    deed_address,
)
from wattkeep.alerts.wording import UNITS, duration, quantity, rule_name
from wattkeep.monitoring.access import Principal, may
from wattkeep.monitoring.models import Role
from wattkeep.monitoring.wording import date_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from django.contrib.auth.models import User

    from wattkeep.monitoring.models import Alert, Notification

LONGEST_SUBJECT = 150
LISTED = 20
# What is noticed later than this after its hold happened earlier.
LATE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words."""

    subject: str
    body: str


def clock_text(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the clock of a zone, to the minute: 14:03 on Mon 23 Nov."""
    local = instant.astimezone(zone)
    return _("%(time)s on %(day)s") % {"time": f"{local:%H:%M}", "day": date_text(local, "D j M")}


def span_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return from when to when: from 14:03 to 14:15 on Mon 23 Nov."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date():
        return _("from %(start)s to %(end)s") % {
            "start": f"{first:%H:%M}",
            "end": clock_text(end, zone),
        }
    return _("from %(start)s to %(end)s") % {
        "start": clock_text(start, zone),
        "end": clock_text(end, zone),
    }


def place_of(alert: Alert) -> str:
    """Return the name of the device, or of the site, that an incident is about."""
    return alert.device.name if alert.device is not None else site_of(alert).name


def title_of(alert: Alert) -> str:
    """Return what an incident is called: its rule's name."""
    return rule_name(alert.rule) if alert.rule is not None else alert.get_alert_type_display()


def compose(rows: Sequence[Notification], note: str = "") -> Text:
    """Return what a message about these rows' incidents says; `note` is its last word."""
    alerts = _alerts(rows)
    if len(alerts) == 1:
        subject, lines = _about_one(alerts[0], rows)
    else:
        subject, lines = _about_many(alerts, rows)
    lines += _links(alerts, rows[0].channel.user)
    if note:
        lines += ["", note]
    return Text(subject[:LONGEST_SUBJECT], "\n".join(lines))


def _alerts(rows: Sequence[Notification]) -> list[Alert]:
    found = {row.alert_id: row.alert for row in rows if row.alert is not None}
    return sorted(found.values(), key=lambda alert: (-alert.severity, alert.created_at))


def _about_one(alert: Alert, rows: Sequence[Notification]) -> tuple[str, list[str]]:
    zone, place = site_of(alert).zone, place_of(alert)
    if alert.is_resolved:
        return _("Over: %(title)s · %(place)s") % {
            "title": title_of(alert),
            "place": place,
        }, [_over(alert, zone), *_more(alert)]
    if any(row.kind == Kind.REMINDER for row in rows):
        subject = _("Still so: %(title)s · %(place)s") % {
            "title": title_of(alert),
            "place": place,
        }
    else:
        subject = f"{alert.message} · {place}"
    return subject, [_line(alert), _when(alert, zone), *_more(alert)]


def _about_many(alerts: Sequence[Alert], rows: Sequence[Notification]) -> tuple[str, list[str]]:
    site = site_of(alerts[0])
    over = sum(alert.is_resolved for alert in alerts)
    reminded = {row.alert_id for row in rows if row.kind == Kind.REMINDER}
    still = sum(alert.pk in reminded and not alert.is_resolved for alert in alerts)
    counts = (
        (len(alerts) - over - still, _("%(count)s new")),
        (still, _("%(count)s still so")),
        (over, _("%(count)s over")),
    )
    told = ", ".join(words % {"count": count} for count, words in counts if count)
    lines = []
    for alert in alerts[:LISTED]:
        said = _over(alert, site.zone) if alert.is_resolved else _line(alert)
        when = "" if alert.is_resolved else f" {_when(alert, site.zone)}"
        lines.append(f"- {said}{when}")
    if len(alerts) > LISTED:
        lines.append(_("and %(count)s more") % {"count": len(alerts) - LISTED})
    return f"{site.name}: {told}", lines


def _line(alert: Alert) -> str:
    return f"{place_of(alert)}: {alert.message}."


def _when(alert: Alert, zone: ZoneInfo) -> str:
    began = clock_text(alert.created_at, zone)
    hold = timedelta(seconds=alert.rule.hold_s if alert.rule else 0)
    if alert.noticed_at and alert.noticed_at - alert.created_at > hold + LATE:
        return _("This happened at %(began)s; it was known here at %(known)s.") % {
            "began": began,
            "known": _known(alert, zone),
        }
    return _("Since %(began)s.") % {"began": began}


def _known(alert: Alert, zone: ZoneInfo) -> str:
    return f"{(alert.noticed_at or alert.created_at).astimezone(zone):%H:%M}"


def _over(alert: Alert, zone: ZoneInfo) -> str:
    end = alert.resolved_at or alert.created_at
    lasted = duration((end - alert.created_at).total_seconds())
    span = span_text(alert.created_at, end, zone)
    peak = ""
    metric = alert.rule.metric if alert.rule else ""
    if alert.peak_value is not None and UNITS.get(metric, ("s",))[0] != "s":
        peak = _(", at worst %(value)s") % {"value": quantity(metric, alert.peak_value)}
    return _("%(place)s: %(title)s is over after %(lasted)s, %(span)s%(peak)s.") % {
        "place": place_of(alert),
        "title": title_of(alert),
        "lasted": lasted,
        "span": span,
        "peak": peak,
    }


def _more(alert: Alert) -> list[str]:
    """Return what is known beside it."""
    lines = [alert.cause] if alert.cause else []
    if alert.is_flapping and not alert.is_resolved:
        lines.append(_("It comes and goes; you hear of it again when it stays over."))
    return lines


def _links(alerts: Sequence[Alert], user: User) -> list[str]:
    """Return where to see them, and for those who may, links that do something about them."""
    page = address(ALERTS_PATH if len(alerts) > 1 else f"{ALERTS_PATH}{alerts[0].pk}/")
    if not page:
        return []
    is_open = [alert.pk for alert in alerts if not alert.is_resolved]
    lines = ["", _("See it: %(page)s") % {"page": page}]
    if is_open and may(Principal(user), site_of(alerts[0]), Role.EDITOR):
        lines += [
            _("I take care of it: %(address)s")
            % {"address": deed_address(ACKNOWLEDGE, user.pk, is_open)},
            _("Leave me in peace for a while: %(address)s")
            % {"address": deed_address(SNOOZE, user.pk, is_open)},
        ]
    return lines
