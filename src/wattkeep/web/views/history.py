"""The history page: any value of any devices, from years down to single readings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.api.access import devices_of
from wattkeep.api.figures import series_body
from wattkeep.api.payloads import iso
from wattkeep.api.spans import EARLIEST, LATEST, Span
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.reach import annotate, begin_of
from wattkeep.history.series import NO_VALUES, UNITS, Series, series
from wattkeep.monitoring.wording import date_text
from wattkeep.web.wording import NO_VALUE, number_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from django.http import HttpRequest
    from django_stubs_ext import StrPromise

    from wattkeep.domain.slots import Envelope
    from wattkeep.monitoring.models import Device

# As many as there are colours that everybody can tell apart.
MOST_CURVES = 6
# Steps of the table's rows, in seconds: what people count in.
STEPS_S = (
    *(1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 1_209_600, 2_419_200, 7_257_600, 29_030_400),
)
MOST_ROWS = 60
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Metric:
    """What can be drawn. `least_span`: a scale never magnifies less than this."""

    key: str
    label: StrPromise
    decimals: int
    least_span: float
    from_zero: bool = False

    @property
    def unit(self) -> str:
        return UNITS[self.key]


METRICS = (
    Metric("power", lazy("Power"), 1, 20, from_zero=True),
    Metric("voltage", lazy("Voltage"), 1, 5),
    Metric("current", lazy("Current"), 2, 0.2, from_zero=True),
    Metric("power_factor", lazy("Power factor"), 2, 0.1),
    Metric("frequency", lazy("Frequency"), 1, 0.4),
    Metric("energy", lazy("Meter total"), 2, 0.1),
)
RANGES = (
    ("1 h", lazy("Last hour"), timedelta(hours=1)),
    ("24 h", lazy("Last 24 hours"), timedelta(days=1)),
    ("7 d", lazy("Last 7 days"), timedelta(days=7)),
    ("30 d", lazy("Last 30 days"), timedelta(days=30)),
    ("1 y", lazy("Last year"), timedelta(days=365)),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request asks to see. `is_understood` is false where its times made no sense."""

    devices: Sequence[Device]
    metrics: Sequence[Metric]
    span: Span
    zone: ZoneInfo
    is_understood: bool = True


@never_cache
@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show curves, and the same as a table; without a device lead to where one is added."""
    owned = _devices(request)
    if not owned:
        return redirect("web:devices")
    now = timezone.now()
    shown = _read_shown(request, owned, now)
    first = _first_instant(owned, now)
    found = {metric.key: _table_series(shown, metric) for metric in shown.metrics}
    context = {
        "chart": _chart(shown, owned, first, found),
        "devices": [_choice(shown, owned, device) for device in owned],
        "metrics": [(metric, metric in shown.metrics) for metric in METRICS],
        "panels": len(shown.metrics),
        "tables": _tables(shown, found),
        "ranges": _ranges(shown, first, now),
        "files": _files(shown),
        "shown": shown,
        "span_text": _span_text(shown),
        "start": f"{shown.span.start.astimezone(shown.zone):%Y-%m-%dT%H:%M:%S}",
        "end": f"{shown.span.end.astimezone(shown.zone):%Y-%m-%dT%H:%M:%S}",
        "most_curves": MOST_CURVES,
    }
    return render(request, "web/history.html", context)


@never_cache
@login_required
@require_safe
def history_figures(request: HttpRequest) -> HttpResponse:
    """Return the page's table alone, for a script that moved on to another span."""
    owned = _devices(request)
    if not owned:
        return HttpResponse()
    shown = _read_shown(request, owned, timezone.now())
    found = {metric.key: _table_series(shown, metric) for metric in shown.metrics}
    return render(request, "web/history_figures.html", {"tables": _tables(shown, found)})


# -- what is asked for ----------------------------------------------------------------------------


def _devices(request: HttpRequest) -> list[Device]:
    """Return one's devices, each with where its history begins.

    `first_slot` is the first quarter-hour; `first_row` is earlier while the ledger has not taken
    up a device's first readings.
    """
    owned = list(devices_of(request).order_by("name", "id"))
    annotate(owned, begin_of([device.pk for device in owned]))
    return owned


def _read_shown(request: HttpRequest, owned: Sequence[Device], now: datetime) -> Shown:
    """Read the address; what it does not say, or says wrongly, is the last day's power."""
    asked = request.GET
    by_id = {str(device.pk): device for device in owned}
    # In the order asked for, each once: colours go by it.
    chosen = [by_id[one] for one in dict.fromkeys(asked.getlist("device")) if one in by_id]
    devices = chosen[:MOST_CURVES] or [_first_choice(owned)]
    metrics = [metric for metric in METRICS if metric.key in asked.getlist("metric")]
    zone = devices[0].site.zone
    start, end = (_read_time(asked.get(name, ""), zone) for name in ("start", "end"))
    span = Span(start or (end or now) - timedelta(days=1), end or now)
    is_understood = (
        span.start < span.end
        and all((start or not asked.get("start"), end or not asked.get("end")))
    )  # fmt: skip
    if not is_understood:
        span = Span(now - timedelta(days=1), now)
    return Shown(devices, metrics or [METRICS[0]], span, zone, is_understood)


def _first_choice(owned: Sequence[Device]) -> Device:
    """Return the device the home page leads to as well."""
    return min(owned, key=lambda device: (not device.is_active, device.pk))


def _read_time(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the instant a text means, in the site's zone unless it has an offset."""
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=zone)
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant if EARLIEST <= instant <= LATEST else None


def _first_instant(owned: Sequence[Device], now: datetime) -> datetime:
    names = ("first_slot", "first_row")
    found: list[datetime | None] = [getattr(one, name) for one in owned for name in names]
    return min([*filter(None, found), now - timedelta(days=1)])


# -- what is shown --------------------------------------------------------------------------------


def _chart(
    shown: Shown,
    owned: Sequence[Device],
    first: datetime,
    found: dict[str, list[Series]],
) -> dict[str, Any]:
    """Return what the script needs: names, addresses, and the table's points to begin with."""
    by_id = {device.pk: device for device in shown.devices}
    return {
        "first": iso(first),
        "start": iso(shown.span.start),
        "end": iso(shown.span.end),
        "time_zone": shown.zone.key,
        "devices": [_device_row(device) for device in owned],
        "metrics": [
            {
                "key": one.key,
                "label": str(one.label),
                "unit": one.unit,
                "decimals": one.decimals,
                "least_span": one.least_span,
                "from_zero": one.from_zero,
            }
            for one in METRICS
        ],
        "series": [
            series_body(by_id[one.device_id], key, shown.span, one)
            for key, curves in found.items()
            for one in curves
        ],
    }


def _device_row(device: Device) -> dict[str, Any]:
    arguments = [device.pk]
    return {
        "id": device.pk,
        "name": device.name,
        "series_url": reverse("api:device-series", args=arguments),
        "readings_url": reverse("api:device-readings-csv", args=arguments),
        "slots_url": reverse("api:device-slots-csv", args=arguments),
    }


def _choice(shown: Shown, owned: Sequence[Device], device: Device) -> dict[str, Any]:
    """Return a device for the legend; `curve` is its colour's number while it is shown.

    Few devices have a colour each for good, `own`; of many each gets one as it is chosen.
    """
    own = owned.index(device) + 1 if len(owned) <= MOST_CURVES else None
    curve = None
    if device in shown.devices:
        curve = own or shown.devices.index(device) + 1
    return {"device": device, "curve": curve, "own": own}


def _query(shown: Shown, start: datetime, end: datetime) -> str:
    pairs = [("device", str(device.pk)) for device in shown.devices]
    pairs += [("metric", metric.key) for metric in shown.metrics]
    return urlencode([*pairs, ("start", iso(start)), ("end", iso(end))])


def _ranges(shown: Shown, first: datetime, now: datetime) -> list[dict[str, Any]]:
    """Return the lengths that one click shows, as links that need no script."""
    everything = max(now - first, timedelta(hours=1))
    return [
        {
            "label": label,
            "title": title,
            "ms": length // timedelta(milliseconds=1),
            "query": _query(shown, now - length, now),
            "is_current": length == shown.span.length,
        }
        for label, title, length in (*RANGES, (lazy("All"), lazy("All there is"), everything))
    ]


def _span_text(shown: Shown) -> str:
    """Return the span as `frontend/src/history-words.js` writes it, so that nothing moves."""
    is_long = shown.span.length >= timedelta(days=2)
    end = shown.span.end - timedelta(milliseconds=1) if is_long else shown.span.end
    how = "j M Y" if is_long else "j M Y, H:i"
    texts = [date_text(at.astimezone(shown.zone), how) for at in (shown.span.start, end)]
    if not is_long and texts[0].partition(",")[0] == texts[1].partition(",")[0]:
        texts[1] = texts[1].partition(", ")[2]
    return " – ".join(dict.fromkeys(texts))


def _files(shown: Shown) -> list[dict[str, str]]:
    span = urlencode({"start": iso(shown.span.start), "end": iso(shown.span.end)})
    rows = [(device.name, _device_row(device)) for device in shown.devices]
    return [
        {
            "name": name,
            "readings": f"{row['readings_url']}?{span}",
            "slots": f"{row['slots_url']}?{span}",
        }
        for name, row in rows
    ]


# -- the table ------------------------------------------------------------------------------------


def _table_series(shown: Shown, metric: Metric) -> list[Series]:
    """Return the curves in so few points that people can read them one by one."""
    length_s = shown.span.length.total_seconds()
    step_s = next((one for one in STEPS_S if length_s / one <= MOST_ROWS - 2), STEPS_S[-1])
    start, end = _round_out(shown, step_s)
    points = max(1, round((end - start).total_seconds() / step_s))
    return series(shown.devices, metric.key, start, end, points)


def _round_out(shown: Shown, step_s: int) -> tuple[datetime, datetime]:
    """Widen the span to whole steps of the site's clock, so that a day's row is a day."""
    offset = shown.span.start.astimezone(shown.zone).utcoffset() or timedelta()
    shift_ms = offset // timedelta(milliseconds=1)
    step_ms = step_s * 1000
    start_ms = (to_ms(shown.span.start) + shift_ms) // step_ms * step_ms
    end_ms = -(-(to_ms(shown.span.end) + shift_ms) // step_ms) * step_ms
    return from_ms(start_ms - shift_ms), from_ms(max(end_ms, start_ms + step_ms) - shift_ms)


def _tables(shown: Shown, found: dict[str, list[Series]]) -> list[dict[str, Any]]:
    return [
        {
            "metric": metric,
            "devices": shown.devices,
            "rows": _table_rows(shown.zone, metric, found[metric.key]),
        }
        for metric in shown.metrics
    ]


def _table_rows(
    zone: ZoneInfo, metric: Metric, found: Sequence[Series]
) -> list[tuple[str, list[str]]]:
    by_instant: dict[int, dict[int, Envelope]] = {}
    for one in found:
        for point in one.points:
            by_instant.setdefault(point.at_ms, {})[one.device_id] = point.envelope
    ids = [one.device_id for one in found]
    return [
        (
            _instant_text(at_ms, zone, found[0].step_ms),
            [_envelope_text(envelopes.get(one, NO_VALUES), metric.decimals) for one in ids],
        )
        for at_ms, envelopes in sorted(by_instant.items())
    ]


def _instant_text(at_ms: int, zone: ZoneInfo, step_ms: int | None) -> str:
    local = from_ms(at_ms).astimezone(zone)
    if step_ms and step_ms >= DAY_S * 1000 and not local.hour:
        return date_text(local, "j M Y")
    has_seconds = step_ms is None or step_ms % 60_000
    return date_text(local, "j M Y, H:i:s" if has_seconds else "j M Y, H:i")


def _envelope_text(values: Envelope, decimals: int) -> str:
    """Return a mean and, where they differ from it, the least and the greatest value."""
    if values.mean is None:
        return NO_VALUE
    mean, least, greatest = (
        number_text(value, decimals) for value in (values.mean, values.least, values.greatest)
    )
    return mean if least == greatest else f"{mean} ({least} – {greatest})"
