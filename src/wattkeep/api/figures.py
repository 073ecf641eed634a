"""Consumption, curves, events and what is behind a figure, as JSON bodies."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeep.api.payloads import iso
from wattkeep.history.consumption import to_kwh
from wattkeep.history.quarters import NOTHING
from wattkeep.history.series import UNITS
from wattkeep.history.trees import branches, site_totals, total_power
from wattkeep.ledger.readings import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.api.spans import Span
    from wattkeep.domain.calendar import By
    from wattkeep.domain.columns import Columns
    from wattkeep.domain.corrections import Energy
    from wattkeep.history.consumption import Consumption
    from wattkeep.history.series import Point, Series
    from wattkeep.history.trees import Branch
    from wattkeep.history.why import Explanation
    from wattkeep.monitoring.models import Correction, Device, EnergySlot, MeterEvent, Site


def consumption_body(device: Device, by: By, found: Consumption) -> dict[str, Any]:
    """Return what a device used, period by period and together."""
    energies = found.by_device[device.pk]
    return {
        "device": device.pk,
        **_period_head(device.site, by, found),
        "total": energy_row(sum(energies, NOTHING)),
        "rows": _rows(found, energies),
    }


def site_consumption_body(
    site: Site, devices: Sequence[Device], by: By, found: Consumption
) -> dict[str, Any]:
    """Return what a site used, sub-meters not counted twice, and each device's part of it."""
    energies = site_totals(devices, found.by_device) or [NOTHING] * (len(found.edges) - 1)
    totals = {device.pk: found.total(device.pk) for device in devices}
    edges = [iso(edge) for edge in found.edges]
    return {
        "site": site.pk,
        **_period_head(site, by, found),
        "total": energy_row(sum(energies, NOTHING)),
        "rows": _rows(found, energies),
        "devices": [
            {**_branch_row(branch), "rows": _energy_rows(edges, found.by_device[branch.device.pk])}
            for branch in branches(devices, totals)
        ],
    }


def _period_head(site: Site, by: By, found: Consumption) -> dict[str, Any]:
    return {
        "by": by.value,
        "time_zone": site.time_zone,
        "start": iso(found.edges[0]),
        "end": iso(found.edges[-1]),
    }


def _rows(found: Consumption, energies: Sequence[Energy]) -> list[dict[str, Any]]:
    edges = [iso(edge) for edge in found.edges]
    return [
        {"start": start, "end": end, **energy_row(energy), "events": kinds}
        for (start, end), energy, kinds in zip(pairwise(edges), energies, found.events, strict=True)
    ]


def _energy_rows(edges: Sequence[str | None], energies: Sequence[Energy]) -> list[dict[str, Any]]:
    return [
        {"start": start, "end": end, **energy_row(energy)}
        for (start, end), energy in zip(pairwise(edges), energies, strict=True)
    ]


def _branch_row(branch: Branch) -> dict[str, Any]:
    return {
        "device": branch.device.pk,
        "name": branch.device.name,
        "parent": branch.device.parent_id,
        "total": energy_row(branch.own),
        "behind": to_kwh(branch.behind.total_mwh) if branch.has_children else None,
        "untracked": to_kwh(branch.untracked_mwh) if branch.has_children else None,
        "excess": to_kwh(branch.excess_mwh) if branch.has_children else None,
    }


def energy_row(energy: Energy) -> dict[str, float]:
    """Return an amount and its parts in kWh."""
    return {
        "consumption": to_kwh(energy.total_mwh),
        "measured": to_kwh(energy.measured_mwh),
        "estimated": to_kwh(energy.estimated_mwh),
        "corrected": to_kwh(energy.corrected_mwh),
    }


def series_body(device: Device, metric: str, span: Span, found: Series) -> dict[str, Any]:
    """Return a device's curve."""
    return {"device": device.pk, **_series_head(metric, span), **_curve(found)}


def site_series_body(
    site: Site, devices: Sequence[Device], metric: str, span: Span, found: Sequence[Series]
) -> dict[str, Any]:
    """Return every device's curve and, for power, that of all together."""
    total = total_power(devices, found) if metric == "power" else []
    return {
        "site": site.pk,
        **_series_head(metric, span),
        "points": _points(total),
        "devices": [{"device": one.device_id, **_curve(one)} for one in found],
    }


def _series_head(metric: str, span: Span) -> dict[str, Any]:
    return {
        "metric": metric,
        "unit": UNITS[metric],
        "start": iso(span.start),
        "end": iso(span.end),
    }


def _curve(found: Series) -> dict[str, Any]:
    return {
        "source": found.source,
        "step_s": None if found.step_ms is None else found.step_ms / 1000,
        "points": _points(found.points),
    }


def _points(points: Sequence[Point]) -> list[dict[str, Any]]:
    instants = iso_ms([point.at_ms for point in points])
    return [
        {"timestamp": at, "min": one[0], "mean": one[1], "max": one[2]}
        for at, (_, one) in zip(instants, points, strict=True)
    ]


def iso_ms(instants_ms: Sequence[int]) -> list[str]:
    """Return many instants as `iso` writes them, a hundred thousand of them in no time."""
    instants = np.array(instants_ms, "datetime64[ms]")
    texts: list[str] = np.datetime_as_string(instants, unit="ms", timezone="UTC").tolist()
    return texts


def event_row(event: MeterEvent) -> dict[str, Any]:
    """Return something that happened to a device's meter or board."""
    return {
        "kind": event.kind,
        "start": iso(event.timestamp),
        "end": iso(event.until),
        "description": str(event.get_kind_display()),
        "before_wh": event.before_wh,
        "after_wh": event.after_wh,
        "energy_wh": event.energy_wh,
        "times": event.windows,
        "note": event.note,
    }


def correction_row(correction: Correction) -> dict[str, Any]:
    """Return a person's word on what an interval used, also when it was taken back."""
    kwh = None if correction.energy_wh is None else correction.energy_wh / 1000
    return {
        "id": correction.pk,
        "device": correction.device_id,
        "start": iso(correction.start),
        "end": iso(correction.end),
        "consumption": kwh,
        "reason": correction.reason,
        "author": _name(correction.author),
        "created_at": iso(correction.created_at),
        "undone_at": iso(correction.undone_at),
        "undone_by": _name(correction.undone_by),
    }


def _name(user: Any) -> str | None:
    return None if user is None else str(user.get_username())


def why_body(device: Device, found: Explanation) -> dict[str, Any]:
    """Return everything behind a quarter-hour."""
    state = found.state
    return {
        "device": device.pk,
        "start": iso(found.start),
        "end": iso(found.end),
        **energy_row(found.energy),
        "before_corrections": energy_row(found.uncorrected),
        "readings": reading_rows(found.samples),
        "events": [event_row(event) for event in found.events],
        "corrections": [correction_row(correction) for correction in found.corrections],
        "gap_shape": found.gap_shape,
        "slot": None if found.slot is None else _slot_row(found.slot),
        "made_up_to": iso(state.done_to) if state else None,
        "readings_kept_from": iso(state.raw_from) if state else None,
        "will_be_made_again": found.will_change,
    }


def reading_rows(columns: Columns) -> list[dict[str, Any]]:
    """Return readings one by one; what is not known is null."""
    instants = iso_ms(columns.timestamps.tolist())
    values = zip(*(columns[name].tolist() for name in COLUMNS), strict=True)
    return [
        {"timestamp": at, **dict(zip(COLUMNS, row, strict=True))}
        for at, row in zip(instants, values, strict=True)
    ]


def _slot_row(slot: EnergySlot) -> dict[str, Any]:
    return {
        "samples": slot.samples,
        "power_min": slot.power_min,
        "power_mean": slot.power_mean,
        "power_max": slot.power_max,
        "counter_at": iso(slot.counter_at),
        "counter_wh": slot.counter_wh,
        "waiting": slot.pending,
    }
