"""What the insights pages say, made from what `history.insights` gathered."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from wattkeep.domain.insights import QUARTERS_AN_HOUR
from wattkeep.domain.instants import from_ms
from wattkeep.monitoring.wording import date_text
from wattkeep.web.wording import number_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from wattkeep.domain.insights import AlwaysOn, Outlook, Quarter, TypicalDay
    from wattkeep.domain.voltage import Excursion, Quality
    from wattkeep.history.insights import Insights
    from wattkeep.monitoring.models import Site

# Shades of the typical week; the palest is 0.
SHADES = 5
EXCURSIONS_SHOWN = 30
WH_PER_KWH = 1000
GOOD_SHARE = 0.95
GOOD_FREQUENCY_SHARE = 0.995


@dataclass(frozen=True)
class Cell:
    """An hour of the typical week: what it says, and how dark it is."""

    text: str
    shade: int


def cost_of(energy_wh: float, site: Site) -> str:
    """Return what energy costs at the site's price, or nothing where none is set."""
    if site.price_per_kwh is None:
        return ""
    cost = Decimal(repr(energy_wh)) / WH_PER_KWH * site.price_per_kwh
    return f"{number_text(float(cost), 2)} {site.currency}"


def kwh_text(energy_wh: float | None) -> str:
    """Return energy in kWh, with as many decimals as mean something."""
    if energy_wh is None:
        return number_text(None, 1)
    return number_text(energy_wh / WH_PER_KWH, 1)


def always_on_words(floor: AlwaysOn, insights: Insights, site: Site) -> dict[str, Any]:
    """Return the always-on load with what it comes to in a year."""
    a_day_wh = floor.power_w * 24
    complete = [day.energy_wh for day in insights.days if day.is_complete]
    usual_wh = sum(complete) / len(complete)
    return {
        "power": number_text(floor.power_w, 0),
        "least": number_text(floor.least_w, 0),
        "greatest": number_text(floor.greatest_w, 0),
        "days": floor.days,
        "year": number_text(floor.energy_a_year_wh / WH_PER_KWH, 0),
        "cost": cost_of(floor.energy_a_year_wh, site),
        "share": number_text(min(100.0, 100 * a_day_wh / usual_wh), 0) if usual_wh else "",
        "is_dark": floor.power_w < insights.blind_w,
    }


def outlook_words(outlook: Outlook, site: Site) -> dict[str, Any]:
    """Return where the month is heading, and the places of a bar that draws it."""
    whole = outlook.greatest_wh or 1.0

    def place(energy_wh: float) -> str:
        # An attribute of a drawing: always with a point, whatever the language.
        return f"{100 * energy_wh / whole:.2f}"

    return {
        "used": kwh_text(outlook.used_wh),
        "least": kwh_text(outlook.least_wh),
        "middle": kwh_text(outlook.middle_wh),
        "greatest": kwh_text(outlook.greatest_wh),
        "least_cost": cost_of(outlook.least_wh, site),
        "greatest_cost": cost_of(outlook.greatest_wh, site),
        "weeks": outlook.weeks,
        "used_place": place(outlook.used_wh),
        "least_place": place(outlook.least_wh),
        "width": place(outlook.greatest_wh - outlook.least_wh),
        "middle_place": place(outlook.middle_wh),
    }


def week_rows(week: Sequence[TypicalDay]) -> dict[str, Any]:
    """Return the typical week as a table: a row an hour, a column a weekday."""
    powers = [power for day in week for power in day.power_w if power is not None]
    most = max(powers, default=0.0)
    hours = [
        {
            "label": f"{hour:02}:00",
            "cells": [_cell(day.power_w[hour], most) for day in week],
        }
        for hour in range(24)
    ]
    return {
        "names": [(WEEKDAYS_ABBR[day.weekday], WEEKDAYS[day.weekday]) for day in week],
        "hours": hours,
        "energy": [kwh_text(day.energy_wh) for day in week],
    }


def _cell(power_w: float | None, most: float) -> Cell:
    if power_w is None:
        return Cell(number_text(None, 0), 0)
    shade = min(SHADES, int(power_w / most * (SHADES + 1))) if most else 0
    return Cell(number_text(power_w, 0), shade)


def peak_rows(peaks: Sequence[Quarter]) -> list[dict[str, str]]:
    """Return the highest quarter-hours, highest first, each with its share of the highest."""
    most = max((peak.power_w or 0 for peak in peaks), default=0.0) or 1.0
    return [
        {
            "when": f"{date_text(peak.start, 'D j M Y')}, {peak.start:%H:%M}",
            "power": number_text((peak.power_w or 0) / 1000, 2),
            "energy": number_text((peak.power_w or 0) / 1000 / QUARTERS_AN_HOUR, 2),
            "width": f"{100 * (peak.power_w or 0) / most:.1f}",
        }
        for peak in peaks
    ]


def month_rows(months: Sequence[tuple[date, float]]) -> list[dict[str, str]]:
    """Return each month's highest quarter-hour, newest first."""
    most = max((power for _month, power in months), default=0.0) or 1.0
    return [
        {
            "month": date_text(month, "F Y"),
            "power": number_text(power / 1000, 2),
            "width": f"{100 * power / most:.1f}",
        }
        for month, power in reversed(months)
    ]


# -- voltage --------------------------------------------------------------------------------------


def quality_words(quality: Quality) -> dict[str, Any]:
    """Return a span's figures as texts."""
    share = quality.share
    volts, hertz = quality.voltage, quality.frequency
    return {
        "share": _percent(share),
        "is_good": share is not None and share >= GOOD_SHARE,
        "is_known": share is not None,
        "means": quality.means,
        "least": number_text(volts.least if volts else None, 1),
        "mean": number_text(volts.mean if volts else None, 1),
        "greatest": number_text(volts.greatest if volts else None, 1),
        "sags": len(quality.sags),
        "swells": len(quality.swells),
        "least_hz": number_text(hertz.least if hertz else None, 1),
        "greatest_hz": number_text(hertz.greatest if hertz else None, 1),
        "mean_hz": number_text(hertz.mean if hertz else None, 2),
        "hz_share": _percent(quality.frequency_share),
        "hz_is_good": (quality.frequency_share or 0) >= GOOD_FREQUENCY_SHARE,
        "nominal_hz": quality.nominal_hz,
    }


def _percent(share: float | None) -> str:
    """Return a share in percent; never 100 where something is missing."""
    if share is None:
        return number_text(None, 1)
    percent = 100 * share
    rounded = int(percent * 100) / 100
    return number_text(rounded, 0 if percent in {0, 100} else 2)


def excursion_rows(quality: Quality, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the longest times outside the band, longest first."""
    named = [(_("Sag"), one) for one in quality.sags] + [
        (_("Swell"), one) for one in quality.swells
    ]
    named.sort(key=lambda pair: pair[1].seconds, reverse=True)
    return [
        {
            "kind": kind,
            "when": _instant_text(one, zone),
            "seconds": duration_text(one.seconds),
            "extreme": number_text(one.extreme_v, 1),
        }
        for kind, one in named[:EXCURSIONS_SHOWN]
    ]


def _instant_text(one: Excursion, zone: ZoneInfo) -> str:
    local: datetime = from_ms(one.start_ms).astimezone(zone)
    return f"{date_text(local, 'D j M Y')}, {local:%H:%M:%S}"


def duration_text(seconds: float) -> str:
    """Return a duration in seconds, or in minutes from two on."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return _("%(count)s s") % {"count": number_text(seconds, 0)}
    return _("%(count)s min") % {"count": number_text(seconds / 60, 0)}
