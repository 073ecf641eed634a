"""How the pages word incidents, rules and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.alerts.notify import site_of
from wattkeep.alerts.notify_text import place_of, title_of
from wattkeep.alerts.outbox_state import state_of
from wattkeep.alerts.wording import UNITS, duration, quantity
from wattkeep.api.payloads import iso
from wattkeep.domain.instants import from_ms
from wattkeep.monitoring.models import AlertRule, Severity
from wattkeep.monitoring.wording import date_text

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wattkeep.alerts.preview import Preview
    from wattkeep.monitoring.models import Alert, Notification

Metric = AlertRule.Metric
# What is measured, as the beginning of a sentence.
SUBJECTS = {
    Metric.POWER: lazy("Power"),
    Metric.VOLTAGE: lazy("Voltage"),
    Metric.CURRENT: lazy("Current"),
    Metric.POWER_FACTOR: lazy("Power factor"),
    Metric.FREQUENCY_OFF: lazy("Frequency off 50 or 60 Hz by"),
    Metric.ENERGY_DAY: lazy("Energy of a day"),
    Metric.ENERGY_MONTH: lazy("Energy of a month"),
}
TONES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}
EPISODES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as a page shows it."""

    alert: Alert
    title: str
    place: str
    tone: str
    began: str
    began_iso: str | None
    ended: str
    lasted: str
    state: str
    note: str
    worst: str
    # Whether whoever looks may do something about it.
    may_act: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A message as a page shows it."""

    row: Notification
    state: str
    at: str


def moment_text(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the clock of a zone, to the minute: Mon 23 Nov, 14:03."""
    local = instant.astimezone(zone)
    return date_text(local, "D j M, H:i")


def show_incident(alert: Alert, now: datetime, *, may_act: bool = False) -> Incident:
    """Return an incident ready to be shown."""
    zone = site_of(alert).zone
    lasted_s = ((alert.resolved_at or now) - alert.created_at).total_seconds()
    return Incident(
        alert=alert,
        title=title_of(alert),
        place=place_of(alert),
        tone=TONES[Severity(alert.severity)],
        began=moment_text(alert.created_at, zone),
        began_iso=iso(alert.created_at),
        ended=moment_text(alert.resolved_at, zone) if alert.resolved_at else "",
        lasted=duration(max(lasted_s, 0)),
        state=_state(alert, zone, now),
        note=_note(alert),
        worst=_measured(alert, alert.peak_value),
        may_act=may_act,
    )


def show_told(row: Notification, zone: ZoneInfo) -> Told:
    """Return a message ready to be shown."""
    state = state_of(row)
    at = row.delivered_at or row.failed_at or row.withheld_at or row.not_before
    return Told(row, state, moment_text(at, zone))


def facts(alert: Alert, now: datetime) -> list[tuple[str, str]]:
    """Return what is known of an incident, as (name, value)."""
    zone = site_of(alert).zone
    shown = show_incident(alert, now)
    rows = [
        (_("Began"), shown.began),
        (_("Ended"), shown.ended or _("Not yet")),
        (
            _("Lasted"),
            shown.lasted if shown.ended else _("%(lasted)s so far") % {"lasted": shown.lasted},
        ),
        (_("At first"), _measured(alert, alert.value)),
        (_("At worst"), shown.worst),
        (_("Last"), "" if alert.is_resolved else _measured(alert, alert.last_value)),
        (_("Severity"), str(Severity(alert.severity).label)),
        (_("Why"), alert.cause),
    ]
    if alert.noticed_at:
        rows.insert(1, (_("Noticed here"), moment_text(alert.noticed_at, zone)))
    if alert.acknowledged_at and alert.acknowledged_by:
        name = alert.acknowledged_by.get_username()
        rows.append((_("Acknowledged"), f"{name}, {moment_text(alert.acknowledged_at, zone)}"))
    if alert.resolved_by:
        rows.append((_("Resolved by"), alert.resolved_by.get_username()))
    return [(name, value) for name, value in rows if value]


def rule_sentence(rule: AlertRule) -> str:
    """Say when a rule counts: Power above 5,000 W for 30 s."""
    held = _(" for %(duration)s") % {"duration": duration(rule.hold_s)} if rule.hold_s else ""
    if rule.metric == Metric.OFFLINE:
        return (_("Nothing is heard") + held) if held else _("Nothing is heard for a while")
    if rule.metric == Metric.SILENT:
        return _("The board talks, the meter does not") + held
    if rule.metric == Metric.COUNTER:
        return _("The meter's counter falls")
    limit = _("a limit it learns from the first readings")
    if rule.threshold is not None:
        limit = quantity(rule.metric, rule.threshold)
    with_load = (
        _(", with %(value)s or more") % {"value": quantity("power", rule.only_above_w)}
        if rule.only_above_w
        else ""
    )
    is_off = rule.metric == Metric.FREQUENCY_OFF
    compared = _("more than") if is_off else rule.get_comparison_display()
    return f"{SUBJECTS[Metric(rule.metric)]} {compared} {limit}{held}{with_load}"


def recovery_sentence(rule: AlertRule) -> str:
    """Say when it is over again."""
    held = (
        _(" for %(duration)s") % {"duration": duration(rule.recovery_hold_s)}
        if rule.recovery_hold_s
        else ""
    )
    back = rule.threshold if rule.recovery_threshold is None else rule.recovery_threshold
    if back is None or rule.metric in {Metric.COUNTER, Metric.ENERGY_DAY, Metric.ENERGY_MONTH}:
        return ""
    return _("over when back at %(value)s%(held)s") % {
        "value": quantity(rule.metric, back),
        "held": held,
    }


def quiet_text(rule: AlertRule) -> str:
    """Say when a rule is quiet."""
    if rule.quiet_from is None or rule.quiet_until is None:
        return ""
    return _("quiet %(start)s to %(end)s") % {
        "start": f"{rule.quiet_from:%H:%M}",
        "end": f"{rule.quiet_until:%H:%M}",
    }


def episode_lines(found: Preview, metric: str, zone: ZoneInfo) -> list[str]:
    """Return the newest times a rule would have fired, newest first."""
    lines = []
    for one in reversed(found.episodes[-EPISODES_SHOWN:]):
        start = moment_text(from_ms(one.start_ms), zone)
        lasted = duration((one.end_ms - one.start_ms) / 1000) if one.end_ms else _("still so")
        worst = (
            ""
            if UNITS[metric][0] == "s"
            else _(", at worst %(value)s") % {"value": quantity(metric, one.peak)}
        )
        lines.append(f"{start}: {lasted}{worst}")
    return lines


def _state(alert: Alert, zone: ZoneInfo, now: datetime) -> str:
    if alert.is_resolved:
        return _("Resolved by hand") if alert.resolved_by_id else _("Over")
    if alert.snoozed_until and alert.snoozed_until > now:
        return _("Snoozed until %(moment)s") % {"moment": moment_text(alert.snoozed_until, zone)}
    if alert.acknowledged_by:
        return _("Acknowledged by %(name)s") % {"name": alert.acknowledged_by.get_username()}
    return _("Open")


def _note(alert: Alert) -> str:
    if alert.muted_by_id and not alert.is_resolved:
        return _("Explained by the site's own incident; no messages about this one.")
    if alert.is_flapping:
        return (
            _("It came and went %(count)s times.") % {"count": alert.relapses}
            if alert.relapses
            else ""
        )
    return ""


def _measured(alert: Alert, value: float | None) -> str:
    metric = alert.rule.metric if alert.rule else ""
    unit = UNITS.get(metric, ("s", 0))[0]
    return "" if value is None or unit == "s" else quantity(metric, value)
