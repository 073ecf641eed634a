"""Another meter or board for the same device: its history goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.readings import last_reading
from wattkeep.monitoring.devices import replace_key
from wattkeep.monitoring.models import LedgerState, MeterEvent

if TYPE_CHECKING:
    from datetime import datetime

    from wattkeep.monitoring.models import Device

MOST_WH = 1e9


class SwapError(ValueError):
    """A swap that cannot be noted; the message is for the person who asked."""


class Change(NamedTuple):
    """What was replaced when: the meter (and perhaps its board), or the board alone.

    The counters are the old meter's last and the new one's first, in Wh; None where nobody
    looked. A board alone changes neither.
    """

    at: datetime
    closing_wh: float | None = None
    opening_wh: float | None = None
    is_new_meter: bool = True
    note: str = ""


def swap_hardware(device: Device, change: Change, now: datetime) -> str:
    """Note that a device got another meter or board; return its new key.

    The old board's key stops working within a second. What the old meter counted up to its
    closing counter is counted, what the new one shows from its opening counter on is too, and
    the difference between the two is not. Without them, what was used between the last reading
    of the old and the first of the new meter is not counted, and marked.

    Raises:
        SwapError: the instant or a counter makes no sense.
    """
    at = from_ms(to_ms(change.at))
    if at > now:
        raise SwapError(_("The swap lies ahead. Note it when it is done."))
    for name, wh in ((_("closing"), change.closing_wh), (_("opening"), change.opening_wh)):
        if wh is not None and not 0 <= wh <= MOST_WH:
            raise SwapError(
                _("The %(name)s counter is %(energy)s Wh; it must be a number from 0 on.")
                % {"name": name, "energy": wh}
            )
    closing_wh, opening_wh = change.closing_wh, change.opening_wh
    if not change.is_new_meter:
        closing_wh = opening_wh = counter_before(device, at)
    with transaction.atomic():
        # Locked, so that retention cannot take the readings behind its back.
        state = LedgerState.objects.select_for_update().filter(device_id=device.pk).first()
        if state is not None and state.raw_from is not None and at < state.raw_from:
            raise SwapError(
                _(
                    "Single readings before %(day)s are not kept, so figures before then"
                    " cannot be made again."
                )
                % {"day": f"{state.raw_from:%Y-%m-%d}"}
            )
        if MeterEvent.objects.filter(device=device, kind=MeterEvent.Kind.SWAP, timestamp=at):
            raise SwapError(
                _("A swap at %(at)s UTC is noted already.") % {"at": f"{at:%Y-%m-%d %H:%M:%S}"}
            )
        MeterEvent.objects.create(
            device=device,
            kind=MeterEvent.Kind.SWAP,
            timestamp=at,
            until=at,
            before_wh=closing_wh,
            after_wh=opening_wh,
            note=change.note.strip(),
        )
        leave_mark(device.pk, to_ms(at), to_ms(at))
        return replace_key(device)


def counter_before(device: Device, at: datetime) -> float | None:
    """Return the last counter, in Wh, that a device sent before an instant: a form's proposal."""
    last = last_reading(device.pk, to_ms(at))
    return None if last is None else round(last.energy * 1000, 3)
