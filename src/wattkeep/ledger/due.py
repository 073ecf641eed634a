"""Which devices' slots may not be up to date, and from when on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Max

from wattkeep.domain.instants import to_ms
from wattkeep.ledger.readings import instant_parameter
from wattkeep.monitoring.models import Device, DeviceBoot, LedgerMark, LedgerState
from wattkeep.monitoring.partitions import is_distributed

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
    if is_distributed():
        return due_apart(now)
    is_sqlite = connection.vendor == "sqlite"
    look_back = str(LOOK_BACK_MS) if is_sqlite else f"interval '{LOOK_BACK_MS} milliseconds'"
    with connection.cursor() as cursor:
        cursor.execute(
            DUE.format(look_back=look_back),
            [share.of, share.number, instant_parameter(to_ms(now) - LOOK_BACK_MS)],
        )
        return [device_id for (device_id,) in cursor.fetchall()]


def due_apart(now: datetime) -> list[int]:
    """Return the same without a statement that goes from devices into boots.

    Where boots are spread over several servers each answers for its own.
    """
    boots = DeviceBoot.objects.order_by().values_list("device_id").annotate(Max("last_seen"))
    done_to = dict(LedgerState.objects.values_list("device_id", "done_to"))
    spoke = {
        device_id
        for device_id, last_seen in boots
        if last_seen >= now - LOOK_BACK
        or device_id not in done_to
        or last_seen + LOOK_BACK >= done_to[device_id]
    }
    spoke.update(LedgerMark.objects.order_by().values_list("device_id", flat=True).distinct())
    known = Device.objects.order_by("pk").values_list("pk", flat=True)
    return [device_id for device_id in known if device_id in spoke]
