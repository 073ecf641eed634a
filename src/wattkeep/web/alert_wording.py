"""How the pages word incidents, rules and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.alerts.notify import site_of
from wattkeep.alerts.notify_text import place_of, title_of
from wattkeep.alerts.outbox_state import state_of
from wattkeep.alerts.wording import UNITS, duration, quantity
from wattkeep.api.payloads import iso
from wattkeep.domain.instants import from_ms
from wattkeep.monitoring.models import AlertRule, Severity

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wattkeep.alerts.preview import Preview
    from wattkeep.monitoring.models import Alert, Notification

Metric = AlertRule.Metric
# What is measured, as the beginning of a sentence.
SUBJECTS = {
    Metric.POWER: "Power",
    Metric.VOLTAGE: "Voltage",
    Metric.CURRENT: "Current",
    Metric.POWER_FACTOR: "Power factor",
    Metric.FREQUENCY_OFF: "Frequency off 50 or 60 Hz by",
    Metric.ENERGY_DAY: "Energy of a day",
    Metric.ENERGY_MONTH: "Energy of a month",
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
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


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
        ("Began", shown.began),
        ("Ended", shown.ended or "Not yet"),
        ("Lasted", shown.lasted if shown.ended else f"{shown.lasted} so far"),
        ("At first", _measured(alert, alert.value)),
        ("At worst", shown.worst),
        ("Last", "" if alert.is_resolved else _measured(alert, alert.last_value)),
        ("Severity", Severity(alert.severity).label),
        ("Why", alert.cause),
    ]
    if alert.noticed_at:
        rows.insert(1, ("Noticed here", moment_text(alert.noticed_at, zone)))
    if alert.acknowledged_at and alert.acknowledged_by:
        name = alert.acknowledged_by.get_username()
        rows.append(("Acknowledged", f"{name}, {moment_text(alert.acknowledged_at, zone)}"))
    if alert.resolved_by:
        rows.append(("Resolved by", alert.resolved_by.get_username()))
    return [(name, value) for name, value in rows if value]


def rule_sentence(rule: AlertRule) -> str:
    """Say when a rule counts: Power above 5,000 W for 30 s."""
    held = f" for {duration(rule.hold_s)}" if rule.hold_s else ""
    if rule.metric == Metric.OFFLINE:
        return f"Nothing is heard{held or ' for a while'}"
    if rule.metric == Metric.SILENT:
        return f"The board talks, the meter does not{held}"
    if rule.metric == Metric.COUNTER:
        return "The meter's counter falls"
    limit = "a limit it learns from the first readings"
    if rule.threshold is not None:
        limit = quantity(rule.metric, rule.threshold)
    with_load = (
        f", with {quantity('power', rule.only_above_w)} or more" if rule.only_above_w else ""
    )
    is_off = rule.metric == Metric.FREQUENCY_OFF
    compared = "more than" if is_off else rule.comparison
    return f"{SUBJECTS[Metric(rule.metric)]} {compared} {limit}{held}{with_load}"


def recovery_sentence(rule: AlertRule) -> str:
    """Say when it is over again."""
    held = f" for {duration(rule.recovery_hold_s)}" if rule.recovery_hold_s else ""
    back = rule.threshold if rule.recovery_threshold is None else rule.recovery_threshold
    if back is None or rule.metric in {Metric.COUNTER, Metric.ENERGY_DAY, Metric.ENERGY_MONTH}:
        return ""
    return f"over when back at {quantity(rule.metric, back)}{held}"


def quiet_text(rule: AlertRule) -> str:
    """Say when a rule is quiet."""
    if rule.quiet_from is None or rule.quiet_until is None:
        return ""
    return f"quiet {rule.quiet_from:%H:%M} to {rule.quiet_until:%H:%M}"


def episode_lines(found: Preview, metric: str, zone: ZoneInfo) -> list[str]:
    """Return the newest times a rule would have fired, newest first."""
    lines = []
    for one in reversed(found.episodes[-EPISODES_SHOWN:]):
        start = moment_text(from_ms(one.start_ms), zone)
        lasted = duration((one.end_ms - one.start_ms) / 1000) if one.end_ms else "still so"
        worst = "" if UNITS[metric][0] == "s" else f", at worst {quantity(metric, one.peak)}"
        lines.append(f"{start}: {lasted}{worst}")
    return lines


def _state(alert: Alert, zone: ZoneInfo, now: datetime) -> str:
    if alert.is_resolved:
        return "Resolved by hand" if alert.resolved_by_id else "Over"
    if alert.snoozed_until and alert.snoozed_until > now:
        return f"Snoozed until {moment_text(alert.snoozed_until, zone)}"
    if alert.acknowledged_by:
        return f"Acknowledged by {alert.acknowledged_by.get_username()}"
    return "Open"


def _note(alert: Alert) -> str:
    if alert.muted_by_id and not alert.is_resolved:
        return "Explained by the site's own incident; no messages about this one."
    if alert.is_flapping:
        return f"It came and went {alert.relapses} times." if alert.relapses else ""
    return ""


def _measured(alert: Alert, value: float | None) -> str:
    metric = alert.rule.metric if alert.rule else ""
    unit = UNITS.get(metric, ("s", 0))[0]
    return "" if value is None or unit == "s" else quantity(metric, value)
