"""An incident's curve: what was measured around it, as a drawing that needs no script."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from wattkeep.alerts.wording import quantity
from wattkeep.api.payloads import iso
from wattkeep.domain.instants import to_ms
from wattkeep.history.series import series
from wattkeep.monitoring.models import AlertRule
from wattkeep.web.alert_wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wattkeep.history.series import Point
    from wattkeep.monitoring.models import Alert

Metric = AlertRule.Metric
# What of a device's curves shows why a rule of this kind fired; the others are seen in its power.
CURVES = {
    Metric.VOLTAGE: "voltage",
    Metric.CURRENT: "current",
    Metric.POWER_FACTOR: "power_factor",
    Metric.FREQUENCY_OFF: "frequency",
    Metric.COUNTER: "energy",
}
LIMITED = {Metric.POWER, Metric.VOLTAGE, Metric.CURRENT, Metric.POWER_FACTOR}
FROM_ZERO = {"power", "current"}
# A curve's unit in the words of rules.
WORDS = {"frequency": Metric.FREQUENCY_OFF, "energy": Metric.COUNTER}
MOST_POINTS = 240
LEAST_AROUND, MOST_AROUND = timedelta(minutes=30), timedelta(hours=12)
WIDTH, HEIGHT = 1000, 240
NICE = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class IncidentCurve:
    """A drawing of WIDTH by HEIGHT, and what stands beside it."""

    lines: list[str]
    ranges: list[str]
    limit_y: float | None
    limit: str
    left: float
    width: float
    top: str
    bottom: str
    begin: str
    end: str
    history: str


def incident_curve(alert: Alert, now: datetime) -> IncidentCurve | None:
    """Return what was measured around an incident; None where there is nothing to draw."""
    if alert.device is None:
        return None
    metric = CURVES.get(Metric(alert.rule.metric), "power") if alert.rule else "power"
    ended = alert.resolved_at or now
    around = min(max((ended - alert.created_at) / 2, LEAST_AROUND), MOST_AROUND)
    start, end = alert.created_at - around, min(ended + around, now)
    [found] = series([alert.device], metric, start, end, MOST_POINTS)
    known = [point for point in found.points if point.envelope.mean is not None]
    if not known:
        return None
    limit = alert.rule.threshold if alert.rule and alert.rule.metric in LIMITED else None
    scale = _scale(known, limit, from_zero=metric in FROM_ZERO)
    span = (to_ms(start), to_ms(end))
    zone = alert.device.site.zone
    left = _x(to_ms(alert.created_at), span)
    lines, ranges = _paths(found.points, span, scale)
    words = WORDS.get(metric, metric)
    address = {"device": alert.device.pk, "metric": metric, "start": iso(start), "end": iso(end)}
    return IncidentCurve(
        lines=lines,
        ranges=ranges,
        limit_y=None if limit is None else _y(limit, scale),
        limit="" if limit is None else _("Limit %(value)s") % {"value": quantity(words, limit)},
        left=left,
        width=max(2.0, round(_x(to_ms(ended), span) - left, 1)),
        top=quantity(words, scale[1]),
        bottom=quantity(words, scale[0]),
        begin=moment_text(start, zone),
        end=moment_text(end, zone),
        history=f"{reverse('web:history')}?{urlencode(address)}",
    )


def _scale(points: Sequence[Point], limit: float | None, *, from_zero: bool) -> tuple[float, float]:
    """Return the least and greatest value drawn: round ones, with everything between them."""
    values = [limit] if limit is not None else []
    for point in points:
        values += [one for one in point.envelope if one is not None]
    least, most = (0.0 if from_zero else min(values)), max(values)
    step = _nice((most - least) / 4 or 1.0)
    bottom = math.floor(least / step) * step
    return bottom, max(math.ceil(most / step) * step, bottom + step)


def _nice(step: float) -> float:
    """Return the next greater number that people count in."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(nice * power for nice in NICE if nice * power >= step * 0.999)


def _x(at_ms: float, span: tuple[int, int]) -> float:
    return round(WIDTH * (at_ms - span[0]) / (span[1] - span[0]), 1)


def _y(value: float, scale: tuple[float, float]) -> float:
    return round(HEIGHT * (scale[1] - value) / (scale[1] - scale[0]), 1)


def _paths(
    points: Sequence[Point], span: tuple[int, int], scale: tuple[float, float]
) -> tuple[list[str], list[str]]:
    """Return the means' lines and the areas between least and greatest, one a stretch."""
    lines, ranges = [], []
    for has_values, members in groupby(points, key=lambda point: point.envelope.mean is not None):
        if not has_values:
            continue
        stretch = [(_x(at_ms, span), envelope) for at_ms, envelope in members]
        lines.append(" ".join(f"{x},{_y(one.mean or 0, scale)}" for x, one in stretch))
        upper = [f"{x},{_y(one.greatest or 0, scale)}" for x, one in stretch]
        lower = [f"{x},{_y(one.least or 0, scale)}" for x, one in reversed(stretch)]
        ranges.append(" ".join(upper + lower))
    return lines, ranges
