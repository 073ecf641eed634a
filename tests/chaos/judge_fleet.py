"""Run as a program: waits until the workers are done, then holds the tables against each other.

Prints what is stored, and every difference between the ledger and the readings.
"""

from __future__ import annotations

import json
import sys
import time

from wattkeep.cli.installation import open_installation

READY_WITHIN_S = 240
LOOK_EVERY_S = 0.5


def main():
    open_installation(None, up_to_date=False)
    judge()


def judge():
    from django.db.models import Max, Sum
    from django.utils import timezone

    from wattkeep.ledger.rebuild import compare_device
    from wattkeep.monitoring.models import (
        Device,
        DeviceBoot,
        EnergyReading,
        EnergySlot,
        MeterEvent,
        Notification,
    )

    def waits():
        newest = dict(EnergyReading.objects.values_list("device_id").annotate(Max("timestamp")))
        done = dict(Device.objects.values_list("pk", "ledger_state__done_to"))
        if any(done[pk] is None or done[pk] < at for pk, at in newest.items()):
            return "the ledger"
        if Notification.objects.filter(delivered_at=None, kind="test").exists():
            return "the outbox"
        return ""

    deadline = time.monotonic() + READY_WITHIN_S
    while (what := waits()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    problems = [f"{what} is never done"] if what else []
    readings = silences = 0
    for device_id in Device.objects.order_by("pk").values_list("pk", flat=True):
        own = {"device_id": device_id}
        energies = list(
            EnergyReading.objects.filter(**own)
            .order_by("timestamp")
            .values_list("energy", flat=True)
        )
        windows = DeviceBoot.objects.filter(**own).aggregate(n=Sum("last_seq"))["n"] or 0
        silent = (
            MeterEvent.objects.filter(**own, kind="silent").aggregate(n=Sum("windows"))["n"] or 0
        )
        readings += len(energies)
        silences += silent
        if windows != len(energies) + silent:
            problems.append(
                f"device {device_id}: {windows} windows settled, {len(energies)} stored, "
                f"{silent} silent"
            )
        if energies != sorted(energies):
            problems.append(f"device {device_id}: its counter falls")
        # By hand, and not by any code of the ledger's: what the counter grew by, in mWh.
        used = round((energies[-1] - energies[0]) * 1_000_000) if energies else 0
        sums = EnergySlot.objects.filter(**own).aggregate(
            measured=Sum("measured_mwh"), estimated=Sum("estimated_mwh")
        )
        made = (sums["measured"] or 0) + (sums["estimated"] or 0)
        if made != used:
            problems.append(f"device {device_id}: {used} mWh used, {made} mWh in its slots")
        if not (comparison := compare_device(device_id, timezone.now())).is_same:
            problems.append(f"device {device_id}: {comparison}")
    # Rows with the same claim went out as one message.
    told = Notification.objects.filter(delivered_at__isnull=False)
    subjects = told.values_list("claim", "subject").distinct()
    attempts = Notification.objects.aggregate(n=Sum("attempts"))["n"]
    print(
        json.dumps(
            {
                "problems": problems,
                "readings": readings,
                "silences": silences,
                "subjects": [subject for _, subject in subjects],
                "attempts": attempts,
            }
        )
    )


if __name__ == "__main__":
    sys.exit(main())
