"""The energy page: what was used, bar by bar, and the same figures as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.access import devices_of
from wattkeep.api.payloads import iso
from wattkeep.history.consumption import to_kwh
from wattkeep.monitoring.models import MeterEvent, Role
from wattkeep.web.energy_around import (
    curves_of,
    explain_nothing,
    list_corrections,
    make_legend,
    part_name,
    sum_up,
)
from wattkeep.web.energy_figures import (
    Figures,
    Scope,
    Shown,
    gather_figures,
    owned_devices,
    read_shown,
    site_scope,
)
from wattkeep.web.energy_words import (
    BARS_WORDS,
    BY_WORDS,
    KIND_WORDS,
    PRESENT,
    bar_words,
    cost_text,
    kwh_text,
    kwh_text_of,
    period_title,
)
from wattkeep.web.once import take_correction
from wattkeep.web.periods import (
    KIND_OF_BAR,
    Kind,
    after,
    all_months,
    bars_of,
    before,
    period_of,
    usual_bars,
    year_before,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from wattkeep.domain.calendar import By
    from wattkeep.domain.corrections import Energy
    from wattkeep.monitoring.models import Device
    from wattkeep.web.energy_words import BarWords

EVENT_WORDS = dict(MeterEvent.Kind.choices)


@never_cache
@login_required
@require_safe
def energy(request: HttpRequest) -> HttpResponse:
    """Show a period of a site or a device; without a device say how to get one."""
    owned = owned_devices(request)
    if not owned:
        return render(request, "web/energy_empty.html")
    shown = read_shown(request, owned, timezone.now())
    figures = gather_figures(shown)
    words = bar_words(shown.by, figures.edges, shown.zone, shown.period)
    rows = _rows(shown, figures, words)
    context = {
        "shown": shown,
        "title": period_title(shown.period),
        "address": shown.address(),
        "scopes": _scopes(shown, owned),
        "navigation": _navigation(shown),
        "legend": make_legend(shown, figures, rows, owned),
        "rows": [row for row in rows if not row["is_ahead"]],
        "summary": sum_up(shown, figures, rows),
        "corrections": list_corrections(shown, figures),
        "made": take_correction(request, [device.pk for device in owned]),
        "nothing": explain_nothing(shown, figures),
        "chart": _chart(shown, figures, rows, owned),
        "may_correct": may_correct(request, shown.scope),
    }
    return render(request, "web/energy.html", context)


def may_correct(request: HttpRequest, scope: Scope) -> bool:
    """Tell whether who looks may also correct what each device of a scope has used."""
    allowed = devices_of(request, Role.EDITOR).values_list("pk", flat=True)
    return {device.pk for device in scope.reporting} <= set(allowed)


# -- ways to other views --------------------------------------------------------------------------


def _scopes(shown: Shown, owned: Sequence[Device]) -> list[dict[str, Any]]:
    """Return the sites and devices to choose from; a site with one device is that device."""
    scopes = []
    for site in {device.site_id: device.site for device in owned}.values():
        whole = site_scope(site, owned)
        if whole.device is None:
            scopes.append(whole)
        scopes += [Scope(site, [device], device) for device in whole.devices]
    return [
        {
            "name": choice.name,
            "is_site": choice.device is None,
            "address": shown.address(scope=choice),
            "is_current": choice.pairs == shown.scope.pairs,
        }
        for choice in scopes
    ]


def _navigation(shown: Shown) -> dict[str, Any]:
    period, today = shown.period, shown.today
    earlier, later = before(period), after(period)
    # The day that stays in view when the length changes.
    anchor = today if period.first <= today <= period.last else period.first
    known = shown.scope.known
    first = known[0].astimezone(shown.zone).date() if known else today
    kinds = [
        (kind, all_months(first, today) if kind is Kind.ALL else period_of(kind, anchor))
        for kind in KIND_WORDS
    ]
    return {
        "by_word": BY_WORDS[shown.by],
        "earlier": shown.address(period=earlier) if earlier and earlier.last >= first else None,
        "later": shown.address(period=later) if later and later.first <= today else None,
        "present": _present(shown),
        "kinds": [
            (KIND_WORDS[kind], shown.address(period=one, by=usual_bars(one)), kind is period.kind)
            for kind, one in kinds
        ],
        "bars": [(BY_WORDS[by], shown.address(by=by), by is shown.by) for by in bars_of(period)],
        "compare": [
            (label, shown.address(compare=compare), compare == shown.compare)
            for compare, label in _comparisons(period)
        ],
    }


def _present(shown: Shown) -> tuple[str, str] | None:
    """Return the name and address of the period that now is in, when another one is shown."""
    words = PRESENT.get(shown.period.kind)
    if words is None or shown.period.first <= shown.today <= shown.period.last:
        return None
    return str(words), shown.address(period=period_of(shown.period.kind, shown.today))


def _comparisons(period: Any) -> list[tuple[str, str]]:
    if before(period) is None:
        return []
    names = {Kind.DAY: _("Day before"), Kind.WEEK: _("Week before"), Kind.MONTH: _("Month before"),
             Kind.YEAR: _("Year before")}  # fmt: skip
    choices = [("", _("Nothing")), ("before", names.get(period.kind, _("Days before")))]
    if period.kind is not Kind.YEAR and year_before(period):
        choices.append(("year", _("A year before")))
    return choices


# -- the bars -------------------------------------------------------------------------------------


def _rows(shown: Shown, figures: Figures, words: Sequence[BarWords]) -> list[dict[str, Any]]:
    compared = figures.compared
    return [
        {
            "words": words[place],
            "start": figures.edges[place],
            "end": figures.edges[place + 1],
            "is_ahead": figures.edges[place] > shown.now,
            "is_estimated": any(one.estimated_mwh for one in _energies(figures, place)),
            "is_corrected": any(one.corrected_mwh for one in _energies(figures, place)),
            "is_running": figures.edges[place] <= shown.now < figures.edges[place + 1],
            "total": total,
            "text": kwh_text(total),
            "parts": [
                kwh_text(part.energies[place] if total else None) for part in figures.stack.parts
            ],
            "cost": cost_text(total.total_mwh, shown.scope.site) if total else "",
            "compared": kwh_text(compared.bars[place]) if compared else "",
            "events": [EVENT_WORDS[kind] for kind in figures.events[place]],
            "excess": kwh_text_of(figures.stack.excess_mwh[place]),
            "why": why_address(
                shown.scope, figures.edges[place], figures.edges[place + 1], shown.by
            ),
            "open": _open_address(shown, figures.edges[place]),
        }
        for place, total in enumerate(figures.totals)
    ]


def _energies(figures: Figures, place: int) -> list[Energy]:
    """Return a bar's total and its parts: what a sub-meter guessed is not seen in the total."""
    total = figures.totals[place]
    return [*([total] if total else []), *(part.energies[place] for part in figures.stack.parts)]


def why_address(scope: Scope, start: datetime, end: datetime, by: By) -> str:
    """Return where everything behind a bar is shown."""
    pairs = [*scope.pairs, ("start", iso(start)), ("end", iso(end)), ("by", by.value)]
    return f"{reverse('web:energy_why')}?{urlencode(pairs)}"


def _open_address(shown: Shown, start: datetime) -> str | None:
    """Return the page whose period a bar is; hours and quarters have none."""
    kind = KIND_OF_BAR.get(shown.by)
    if kind is None:
        return None
    period = period_of(kind, start.astimezone(shown.zone).date())
    return shown.address(period=period, by=usual_bars(period))


def _chart(
    shown: Shown, figures: Figures, rows: Sequence[dict[str, Any]], owned: Sequence[Device]
) -> dict[str, Any]:
    """Return what the script draws: every text on it is written here, as in the table."""
    compared, parts = figures.compared, figures.stack.parts
    return {
        "bars": [
            {
                **row["words"]._asdict(),
                "start": iso(row["start"]),
                "end": iso(row["end"]),
                "is_ahead": row["is_ahead"],
                "text": row["text"],
                "cost": row["cost"],
                "events": row["events"],
                "is_estimated": row["is_estimated"],
                "is_corrected": row["is_corrected"],
                "compared": _kwh(compared.bars[place]) if compared else None,
                "compared_text": row["compared"],
                "why": row["why"],
                "open": row["open"],
            }
            for place, row in enumerate(rows)
        ],
        "parts": [
            {
                "name": part_name(part),
                "curve": curve,
                "measured": [to_kwh(one.measured_mwh) for one in part.energies],
                "estimated": [to_kwh(one.estimated_mwh) for one in part.energies],
                "corrected": [to_kwh(one.corrected_mwh) for one in part.energies],
                "texts": [kwh_text(one) for one in part.energies],
            }
            for part, curve in zip(parts, curves_of(parts, owned), strict=True)
        ],
        "compared": period_title(compared.period) if compared else "",
        "bars_word": BARS_WORDS[shown.by],
        "total_url": _total_url(shown.scope),
        "correct_url": f"{reverse('web:energy_correct')}?{urlencode(shown.scope.pairs)}",
        "address": f"?{shown.address()}",
        "now": iso(shown.now),
    }


def _kwh(energy: Energy | None) -> float | None:
    return None if energy is None else to_kwh(energy.total_mwh)


def _total_url(scope: Scope) -> str:
    if scope.device:
        return reverse("api:device-consumption", args=[scope.device.pk])
    return reverse("api:site-consumption", args=[scope.site.pk])
