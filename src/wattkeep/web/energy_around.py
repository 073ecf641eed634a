"""What stands around the energy page's bars: legend, sums, corrections, ways out of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from wattkeep.domain.instants import to_ms
from wattkeep.history.consumption import corrections_touching
from wattkeep.monitoring.wording import date_text
from wattkeep.web.energy_figures import MOST_PARTS, Scope
from wattkeep.web.energy_words import (
    PRESENT,
    correction_row,
    cost_text,
    difference_text,
    headline_text,
    kwh_text,
    kwh_text_of,
    period_title,
)
from wattkeep.web.periods import Kind, period_of, usual_bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from wattkeep.history.stacks import Part
    from wattkeep.monitoring.models import Device
    from wattkeep.web.energy_figures import Compared, Figures, Shown

CORRECTIONS_SHOWN = 50
# The colour of what is put together.
TOGETHER = MOST_PARTS + 1


def part_name(part: Part) -> str:
    """Return whose part it is: a device, what its sub-meters leave of it, the many small ones."""
    if part.device is None:
        return _("Other devices")
    return (
        _("%(name)s, the rest") % {"name": part.device.name} if part.is_rest else part.device.name
    )


def curves_of(parts: Sequence[Part], owned: Sequence[Device]) -> list[int]:
    """Return the numbers of the parts' colours: a device's own wherever it is shown.

    No two parts share one; where two devices have the same, the later one takes what is left.
    """
    own = {device.pk: place % MOST_PARTS + 1 for place, device in enumerate(owned)}
    devices = [part.device for part in parts if part.device]
    free = list(range(1, MOST_PARTS + 1))
    found = {}
    for device in devices:
        if own[device.pk] in free:
            found[device.pk] = own[device.pk]
            free.remove(own[device.pk])
    found.update({device.pk: free.pop(0) for device in devices if device.pk not in found})
    return [found[part.device.pk] if part.device else TOGETHER for part in parts]


def make_legend(
    shown: Shown,
    figures: Figures,
    rows: Sequence[dict[str, Any]],
    owned: Sequence[Device],
) -> dict[str, Any]:
    """Return what each colour and each pattern of the bars means."""
    parts = figures.stack.parts
    return {
        "parts": [
            {
                "name": part_name(part),
                "curve": curve,
                "text": kwh_text_of(part.total_mwh) or "0.000",
                "address": part.device
                and shown.address(scope=Scope(shown.scope.site, [part.device], part.device)),
            }
            for part, curve in zip(parts, curves_of(parts, owned), strict=True)
        ],
        "has_estimated": any(row["is_estimated"] for row in rows),
        "has_corrected": any(row["is_corrected"] for row in rows),
        "has_events": any(figures.events),
    }


def sum_up(shown: Shown, figures: Figures, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the period's sum in all its ways: energy, cost, greatest bar, beside the other one."""
    total, compared = figures.total, figures.compared
    greatest = max(rows, key=lambda row: row["total"].total_mwh if row["total"] else 0)
    return {
        "total": kwh_text(total),
        "headline": headline_text(total),
        "cost": cost_text(total.total_mwh, shown.scope.site),
        "has_cost": bool(cost_text(0, shown.scope.site)),
        "estimated": kwh_text_of(total.estimated_mwh),
        "corrected": kwh_text_of(total.corrected_mwh),
        "excess": kwh_text_of(sum(figures.stack.excess_mwh)),
        "greatest": greatest if greatest["total"] and greatest["total"].total_mwh else None,
        "is_so_far": figures.edges[0] < shown.now < figures.edges[-1],
        "compared": compared
        and {
            "title": period_title(compared.period),
            "is_so_far": compared.is_so_far,
            "total": kwh_text(compared.total if compared.since else None),
            "text": _compared_text(shown, figures, compared),
        },
    }


def _compared_text(shown: Shown, figures: Figures, compared: Compared) -> tuple[str, str]:
    """Return how the period compares with the other one: the word that counts, and the rest."""
    title = period_title(compared.period)
    if compared.since is None:
        return "", _("Nothing was measured in %(title)s.") % {"title": title}
    point = _(" up to the same point") if compared.is_so_far else ""
    other = _("%(kwh)s kWh in %(title)s%(point)s") % {
        "kwh": kwh_text(compared.total),
        "title": title,
        "point": point,
    }
    # Half a year beside a whole one has no percentage worth telling.
    if compared.since > compared.period.bounds(shown.zone)[0]:
        since = compared.since.astimezone(shown.zone)
        return "", _("%(other)s, where readings begin on %(day)s") % {
            "other": other,
            "day": date_text(since, "j F"),
        }
    words = difference_text(figures.total.total_mwh, compared.total.total_mwh)
    if not words:
        return "", other
    joint = _("as %(other)s") if words == _("as much") else _("than %(other)s")
    return words.capitalize(), joint % {"other": other}


def list_corrections(shown: Shown, figures: Figures) -> list[dict[str, Any]]:
    """Return the corrections that count in the period, the oldest first."""
    found = corrections_touching(
        shown.scope.devices, to_ms(figures.edges[0]), to_ms(figures.edges[-1])
    )
    rows = found.select_related("author", "device").order_by("start", "id")
    return [correction_row(one, shown.zone) for one in rows[:CORRECTIONS_SHOWN]]


def explain_nothing(shown: Shown, figures: Figures) -> dict[str, Any] | None:
    """Return what to say and where to go, where a period has nothing to show."""
    if any(one is not None for one in figures.totals):
        return None
    known = shown.scope.known
    if known is None:
        return {"is_new": True, "device": shown.scope.devices[0]}
    is_before = known[0] >= figures.edges[-1]
    at: datetime = known[0] if is_before else known[1]
    day: date = at.astimezone(shown.zone).date()
    kind = shown.period.kind if shown.period.kind in PRESENT else Kind.MONTH
    period = period_of(kind, day)
    return {
        "is_before": is_before,
        "day": date_text(day, "j F Y"),
        "address": shown.address(period=period, by=usual_bars(period)),
    }
