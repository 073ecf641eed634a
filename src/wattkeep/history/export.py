"""Readings and quarter-hours as rows of text, some days at a time: years take no more memory."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from django.utils.text import slugify

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import METRICS, SLOT_MS, slot_start
from wattkeep.history.consumption import to_kwh, used_between
from wattkeep.history.quarters import NOTHING
from wattkeep.history.tails import tails_of
from wattkeep.ledger.readings import COLUMNS, iter_days, readings_after
from wattkeep.monitoring.models import Correction, EnergySlot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from wattkeep.domain.columns import Columns
    from wattkeep.domain.corrections import Energy
    from wattkeep.domain.slots import Slot
    from wattkeep.monitoring.models import Device

READINGS_COLUMNS = ("timestamp", *COLUMNS)
ENVELOPES = tuple(f"{metric}_{part}" for metric in METRICS for part in ("min", "mean", "max"))
ENERGIES = ("consumption", "measured", "estimated", "corrected")
SLOTS_COLUMNS = ("start", "end", *ENERGIES, "samples", *ENVELOPES)
CHUNK_MS = 10 * 86_400_000


def readings_csv(device: Device, start: datetime, end: datetime) -> Iterator[str]:
    """Yield single readings: UTC to the millisecond, units of the API, nothing where no value is.

    A number is the shortest that gives the stored one back bit for bit.
    """
    yield csv_lines([READINGS_COLUMNS])
    # From the first one there is: half a century without any is not walked through.
    for first_ms in readings_after(device.pk, to_ms(start), 1).timestamps.tolist():
        for day in iter_days(device.pk, first_ms, to_ms(end), COLUMNS):
            yield csv_lines(reading_rows(day))


def slots_csv(device: Device, start: datetime, end: datetime) -> Iterator[str]:
    """Yield quarter-hours that hold anything: kWh with corrections, and what readings were like."""
    yield csv_lines([SLOTS_COLUMNS])
    for starts_ms in slot_spans(device, start, end):
        yield csv_lines(slot_rows(device, starts_ms))


def file_name(device: Device, what: str, start: datetime, end: datetime) -> str:
    """Return a name that any file system takes."""
    name = slugify(device.name) or f"device-{device.pk}"
    return f"{name[:60]}-{what}-{start:%Y%m%d}-{end:%Y%m%d}.csv"


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines; none of their cells needs quotes."""
    return "".join([f"{','.join(row)}\n" for row in rows])


def reading_rows(day: Columns) -> Iterator[tuple[str, ...]]:
    """Yield readings as cells, in the order of `READINGS_COLUMNS`."""
    instants = np.datetime_as_string(day.timestamps.astype("datetime64[ms]"), timezone="UTC")
    columns = [_texts(day[name]) for name in COLUMNS]
    return zip(instants.tolist(), *columns, strict=True)


def slot_spans(device: Device, start: datetime, end: datetime) -> Iterator[range]:
    """Yield the starts of a span's quarter-hours in epoch ms, some days at a time."""
    first_ms, last_ms = (to_ms(at) for at in _bounds(device, start, end))
    for chunk_ms in range(slot_start(first_ms), last_ms, CHUNK_MS):
        until_ms = min(chunk_ms + CHUNK_MS, -slot_start(-last_ms))
        yield range(chunk_ms, until_ms, SLOT_MS)


def _texts(values: np.typing.NDArray[np.float64]) -> list[str]:
    return ["" if value != value else repr(value) for value in values.tolist()]  # noqa: PLR0124 - NaN


def _bounds(device: Device, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Cut a span to where there can be slots, so that nobody walks through empty centuries."""
    stored = EnergySlot.objects.filter(device_id=device.pk).order_by("start")
    corrections = Correction.objects.filter(device_id=device.pk, undone_at=None).order_by("start")
    firsts = [
        *stored.values_list("start", flat=True)[:1],
        *corrections.values_list("start", flat=True)[:1],
        *(from_ms(slot.start_ms) for one in tails_of([device]).values() for slot in one.slots[:1]),
    ]
    first = min(firsts, default=end)
    return max(start, min(first, end)), end


def slot_rows(device: Device, starts_ms: range) -> Iterator[list[str]]:
    """Yield quarter-hours that hold anything as cells, in the order of `SLOTS_COLUMNS`."""
    edges = [from_ms(at) for at in chain(starts_ms, [starts_ms[-1] + SLOT_MS])]
    used = used_between([device], edges, remembers=False)[device.pk]
    values = _slot_values(device, edges)
    for start, energy in zip(edges, used, strict=False):
        if energy != NOTHING or values.get(start, NOT_MEASURED)[0]:
            yield _slot_row(start, energy, values.get(start, NOT_MEASURED))


Values = tuple[float | None, ...]
NOT_MEASURED: Values = (0, *[None] * len(ENVELOPES))


def _slot_values(device: Device, edges: list[datetime]) -> dict[datetime, Values]:
    """Return start → number of readings, and their values, of slots stored or about to be."""
    rows = EnergySlot.objects.filter(
        device_id=device.pk, start__gte=edges[0], start__lt=edges[-1]
    ).values_list("start", "samples", *ENVELOPES)
    found: dict[datetime, Values] = {row[0]: row[1:] for row in rows}
    for folded in tails_of([device]).values():
        for slot in folded.slots:
            start = from_ms(slot.start_ms)
            if edges[0] <= start < edges[-1]:
                found[start] = _joined(found.get(start, NOT_MEASURED), slot)
    return found


def _joined(stored: Values, newer: Slot) -> Values:
    """Return a slot's values with those of readings that came since."""
    count = stored[0] or 0
    values: list[float | None] = [count + newer.samples]
    for place, metric in enumerate(METRICS):
        least, mean, greatest = newer.envelopes[metric]
        before = stored[1 + 3 * place : 4 + 3 * place]
        if least is None or mean is None or greatest is None:
            values += before
        elif before[0] is None or before[1] is None or before[2] is None:
            values += (least, mean, greatest)
        else:
            mean = (before[1] * count + mean * newer.samples) / (count + newer.samples)
            values += (min(before[0], least), mean, max(before[2], greatest))
    return tuple(values)


def _slot_row(start: datetime, energy: Energy, values: Values) -> list[str]:
    kwh = (
        energy.total_mwh,
        energy.measured_mwh,
        energy.estimated_mwh,
        energy.corrected_mwh,
    )
    end = from_ms(to_ms(start) + SLOT_MS)
    cells = [f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"]
    cells += [repr(to_kwh(mwh)) for mwh in kwh]
    cells += ["" if value is None else repr(value) for value in values]
    return cells
