"""Which devices' slots may not be up to date, and from when on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from wattkeep.domain.instants import to_ms
from wattkeep.ledger.readings import instant_parameter

if TYPE_CHECKING:
    from datetime import datetime

# A reading that arrives within this of its time, and is not older than the newest of its device
# by more, leaves no mark: each run goes back so far anyway.
FRESH = timedelta(minutes=2)
# From the moment a reading is judged fresh until its commit can be seen.
MARGIN = timedelta(minutes=3)
LOOK_BACK = FRESH + MARGIN
LOOK_BACK_MS = LOOK_BACK // timedelta(milliseconds=1)
# What a device sent within this is read at once, without looking first how far it reaches.
SHORT_MS = 2 * 3_600_000

# A clock set back must not make anybody wait until it has caught up: so two conditions, of which
# one is about the present moment.
DUE = """
    SELECT device.id FROM monitoring_device AS device
    LEFT JOIN monitoring_ledgerstate AS state ON state.device_id = device.id
    WHERE device.id %% %s = %s AND (EXISTS (
        SELECT 1 FROM monitoring_deviceboot AS boot WHERE boot.device_id = device.id AND (
            state.device_id IS NULL OR boot.last_seen >= %s
            OR boot.last_seen + {look_back} >= state.done_to)
    ) OR EXISTS (SELECT 1 FROM monitoring_ledgermark AS mark WHERE mark.device_id = device.id))
    ORDER BY device.id
"""


class Share(NamedTuple):
    """One of several equal parts of all devices: those with this remainder of their number."""

    number: int = 0
    of: int = 1


EVERYTHING = Share()


def due_devices(now: datetime, share: Share = EVERYTHING) -> list[int]:
    """Return the devices of a share that spoke since their slots were made, or have marks.

    One statement: of a hundred thousand devices, of which nobody spoke, nothing is fetched.
    """
    is_sqlite = connection.vendor == "sqlite"
    look_back = str(LOOK_BACK_MS) if is_sqlite else f"interval '{LOOK_BACK_MS} milliseconds'"
    with connection.cursor() as cursor:
        cursor.execute(
            DUE.format(look_back=look_back),
            [share.of, share.number, instant_parameter(to_ms(now) - LOOK_BACK_MS)],
        )
        return [device_id for (device_id,) in cursor.fetchall()]
