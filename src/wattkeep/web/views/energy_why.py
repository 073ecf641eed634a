"""Everything behind one figure, down to single readings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.payloads import iso
from wattkeep.domain.calendar import QUARTER, By
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.consumption import consumption, corrections_touching, used_between
from wattkeep.history.quarters import NOTHING
from wattkeep.history.why import why
from wattkeep.monitoring.models import MeterEvent
from wattkeep.monitoring.wording import exact_text
from wattkeep.web.energy_figures import Scope, owned_devices, read_scope
from wattkeep.web.energy_reasons import reasons_for
from wattkeep.web.energy_words import (
    bar_words,
    correction_row,
    cost_text,
    instant_text,
    kwh_text,
    kwh_text_of,
    span_text,
)
from wattkeep.web.periods import DAYS_OF, INSIDE, MOST_BARS, Kind, period_of
from wattkeep.web.views.energy import may_correct, why_address
from wattkeep.web.wording import number_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpRequest, HttpResponse

    from wattkeep.domain.corrections import Energy
    from wattkeep.history.consumption import Consumption
    from wattkeep.monitoring.models import Device

DAY = timedelta(days=1)
EARLIEST, LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
KINDS = dict(MeterEvent.Kind.choices)


@dataclass(frozen=True)
class Asked:
    """A span of a site or a device; `by` is the bars it was chosen from."""

    scope: Scope
    start: datetime
    end: datetime
    by: By

    @property
    def inside(self) -> By | None:
        """Return what the span is shown divided into; None for a single quarter-hour."""
        days = (self.end - self.start) / DAY
        if days <= DAYS_OF[By.QUARTER]:
            return None
        by: By | None = self.by
        # One bar is opened up, several are listed.
        if days < 2 * DAYS_OF[self.by] * 0.95:
            by = INSIDE.get(self.by)
        coarser = [one for one, length in DAYS_OF.items() if days / length <= MOST_BARS]
        return by if by in coarser else coarser[0]


@never_cache
@login_required
@require_safe
def energy_why(request: HttpRequest) -> HttpResponse:
    """Show what a figure is made of: in sentences, divided further, and reading by reading."""
    owned = owned_devices(request)
    if not owned:
        raise Http404
    asked = read_asked(request.GET, owned)
    scope, zone = asked.scope, asked.scope.site.zone
    used = used_between(scope.devices, [asked.start, asked.end])
    [total] = scope.totals(used, 1)
    context = {
        "asked": asked,
        "span": span_text(asked.start, asked.end, zone),
        "total": kwh_text(total),
        "cost": cost_text(total.total_mwh, scope.site),
        "kinds": _kinds(total),
        "parts": _parts(asked),
        "correct": f"{reverse('web:energy_correct')}?{_query(asked)}",
        "may_correct": may_correct(request, scope),
        **(_of_device(asked, scope.device, total) if scope.device else _of_site(asked, used)),
    }
    return render(request, "web/energy_why.html", context)


def read_asked(asked: Mapping[str, str], owned: Sequence[Device]) -> Asked:
    """Read an address that names a span.

    Raises:
        Http404: the span makes no sense.
    """
    scope = read_scope(asked, owned)
    try:
        start, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        in_order = EARLIEST <= start < end <= LATEST
    except (KeyError, TypeError, ValueError):
        in_order = False
    if not in_order:
        raise Http404("The address names no span of time.")
    quarter = 900_000
    start_ms, end_ms = to_ms(start) // quarter * quarter, -(-to_ms(end) // quarter) * quarter
    by = asked.get("by", "")
    return Asked(scope, from_ms(start_ms), from_ms(end_ms), By(by) if by in set(By) else By.HOUR)


def _query(asked: Asked) -> str:
    return urlencode([*asked.scope.pairs, ("start", iso(asked.start)), ("end", iso(asked.end))])


def _kinds(total: Energy) -> list[tuple[str, str]]:
    """Return the figure's parts, where there is more than one."""
    kinds = [
        (_("measured"), total.measured_mwh),
        (_("estimated"), total.estimated_mwh),
        (_("corrected"), total.corrected_mwh),
    ]
    return [(name, kwh_text_of(mwh)) for name, mwh in kinds if mwh]


def _not_measured(total: Energy) -> list[str]:
    """Return in which ways some of a figure is known, beside by measuring it."""
    return [name for name, _kwh in _kinds(total) if name != _("measured")]


def _parts(asked: Asked) -> list[dict[str, Any]]:
    """Return the span divided into shorter ones, each with its own way on."""
    by, zone = asked.inside, asked.scope.site.zone
    if by is None:
        return []
    found: Consumption = consumption(asked.scope.devices, asked.start, asked.end, by, zone)
    edges = found.edges
    totals = asked.scope.totals(found.by_device, len(edges) - 1)
    # Within one day, which the heading names, the times say enough.
    first, last = (at.astimezone(zone).date() for at in (edges[0], edges[-1] - QUARTER))
    is_day = first == last
    words = bar_words(by, edges, zone, period_of(Kind.DAY, first) if is_day else None)
    return [
        {
            "label": words[place].label,
            "is_short": is_day,
            "text": kwh_text(total),
            "kinds": _not_measured(total),
            "events": [KINDS[kind] for kind in found.events[place]],
            "why": why_address(asked.scope, edges[place], edges[place + 1], by),
        }
        for place, total in enumerate(totals)
    ]


def _of_site(asked: Asked, used: Mapping[int, Sequence[Energy]]) -> dict[str, Any]:
    """Return each device's share of a site's figure."""
    return {
        "devices": [
            {
                "device": device,
                "text": kwh_text(used[device.pk][0]),
                "kinds": _not_measured(used[device.pk][0]),
                "why": why_address(
                    Scope(asked.scope.site, [device], device), asked.start, asked.end, asked.by
                ),
            }
            for device in asked.scope.reporting
        ]
    }


def _of_device(asked: Asked, device: Device, total: Energy) -> dict[str, Any]:
    zone = asked.scope.site.zone
    found = corrections_touching([device], to_ms(asked.start), to_ms(asked.end))
    corrections = list(found.select_related("author", "device").order_by("start"))
    before = total
    if corrections:
        edges = [asked.start, asked.end]
        before = used_between([device], edges, corrected=False)[device.pk][0]
    curve = [("device", str(device.pk)), ("start", iso(asked.start)), ("end", iso(asked.end))]
    return {
        "reasons": reasons_for(device, asked.start, asked.end, total, corrections),
        "uncorrected": kwh_text(before) if before != total else "",
        "corrections": [correction_row(one, zone) for one in corrections],
        "curve": f"{reverse('web:history')}?{urlencode(curve)}",
        "readings": _readings(asked, device) if asked.inside is None else None,
    }


def _readings(asked: Asked, device: Device) -> dict[str, Any]:
    """Return the readings behind a quarter-hour, and those around it that judge them."""
    found = why(device, asked.start)
    columns, zone = found.samples, asked.scope.site.zone
    start_ms, end_ms = to_ms(asked.start), to_ms(asked.end)
    rows = zip(
        columns.timestamps.tolist(), columns["power"].tolist(), columns["energy"].tolist(),
        strict=True,
    )  # fmt: skip
    return {
        "rows": [
            {
                "at": f"{from_ms(at_ms).astimezone(zone):%H:%M:%S}",
                "on": instant_text(from_ms(at_ms), zone),
                "power": number_text(None if power != power else power, 1),  # noqa: PLR0124 - NaN
                "counter": exact_text(counter, 3),
                "is_inside": start_ms <= at_ms < end_ms,
            }
            for at_ms, power, counter in rows
        ],
        "slot": found.slot,
        "nothing": found.energy == NOTHING,
    }
