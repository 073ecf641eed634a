"""Corrections set and undone: rows with an author and a reason, never an overwrite."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from wattkeep.domain.corrections import Corrected
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.domain.slots import MWH_PER_WH, SLOT_MS
from wattkeep.monitoring.models import Correction, Device

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

QUARTER = timedelta(milliseconds=SLOT_MS)
LONGEST = timedelta(days=366)
MOST_WH = 1e9
LONGEST_REASON = 200


class Wish(NamedTuple):
    """What somebody says an interval used, and why; None leaves it out of every sum."""

    start: datetime
    end: datetime
    energy_wh: float | None
    reason: str


class CorrectionError(ValueError):
    """A correction that cannot be set; the message is for the person who asked."""


def set_correction(device: Device, wish: Wish, author: User | None, now: datetime) -> Correction:
    """Say what an interval used; undoing it restores the figure exactly.

    Raises:
        CorrectionError: it makes no sense, or another correction lies in the interval.
    """
    start, end, energy_wh, reason = wish
    _check_wish(wish, now)
    with transaction.atomic():
        # Whoever corrects the same device at the same moment waits here.
        Device.objects.select_for_update().only("id").get(pk=device.pk)
        other = active_corrections(device.pk).filter(start__lt=end, end__gt=start).first()
        if other is not None:
            raise CorrectionError(
                _(
                    "%(start)s to %(end)s UTC is corrected already (%(reason)s)."
                    " Undo that first, or choose another span."
                )
                % {
                    "start": f"{other.start:%Y-%m-%d %H:%M}",
                    "end": f"{other.end:%Y-%m-%d %H:%M}",
                    "reason": other.reason,
                }
            )
        return Correction.objects.create(
            device=device,
            start=start,
            end=end,
            energy_wh=energy_wh,
            reason=reason.strip(),
            author=author,
        )


def undo_correction(correction: Correction, author: User | None, now: datetime) -> bool:
    """Undo a correction; the row stays and says who did. False: it was undone before."""
    rows = Correction.objects.filter(pk=correction.pk, undone_at=None)
    is_done = bool(rows.update(undone_at=now, undone_by=author))
    correction.refresh_from_db()
    return is_done


def active_corrections(device_id: int) -> QuerySet[Correction]:
    """Return a device's corrections that count, oldest interval first."""
    return Correction.objects.filter(device_id=device_id, undone_at=None).order_by("start")


def corrected_spans(device_id: int, start_ms: int, end_ms: int) -> list[Corrected]:
    """Return the intervals that are corrected and reach into a span, whole."""
    rows = active_corrections(device_id).filter(
        start__lt=from_ms(end_ms), end__gt=from_ms(start_ms)
    )
    return as_spans(rows)


def as_spans(corrections: Iterable[Correction]) -> list[Corrected]:
    """Return corrections as the domain takes them."""
    return [
        Corrected(
            to_ms(one.start),
            to_ms(one.end),
            None if one.energy_wh is None else round(one.energy_wh * MWH_PER_WH),
        )
        for one in corrections
    ]


def _check_wish(wish: Wish, now: datetime) -> None:
    start, end, energy_wh, reason = wish
    for name, edge in ((_("start"), start), (_("end"), end)):
        if math.fmod(edge.timestamp(), QUARTER.total_seconds()):
            raise CorrectionError(
                _(
                    "The %(name)s, %(time)s, is not at a full quarter of an hour:"
                    " write :00, :15, :30 or :45."
                )
                % {"name": name, "time": edge.isoformat()}
            )
    if end <= start:
        raise CorrectionError(_("The end must be later than the start."))
    if end - start > LONGEST:
        raise CorrectionError(_("A correction spans a year at most; set several."))
    if end > now + QUARTER:
        raise CorrectionError(_("The span is not over yet."))
    if energy_wh is not None and not 0 <= energy_wh <= MOST_WH:
        raise CorrectionError(
            _("The energy is %(energy)s Wh; it must be a number from 0 on.") % {"energy": energy_wh}
        )
    if not reason.strip():
        raise CorrectionError(_("Say why: a correction without a reason explains nothing."))
    if len(reason.strip()) > LONGEST_REASON:
        raise CorrectionError(
            _("The reason is longer than %(count)s characters.") % {"count": LONGEST_REASON}
        )
