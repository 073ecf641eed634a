"""The machine: its clock, its disk, and the signs of a dying SD card."""

from __future__ import annotations

import ctypes
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Max

from wattkeep.doctor.findings import fault, risk
from wattkeep.domain.instants import FIRST_MS, from_ms
from wattkeep.monitoring.models import Device, DeviceBoot, EnergyReading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from wattkeep.doctor.findings import Finding, Machine

BUILT_IN = from_ms(FIRST_MS)
MOST_AHEAD = timedelta(minutes=5)
LEAST_FREE_BYTES = 200 * 1024 * 1024
LEAST_FREE_SHARE = 0.05
STA_UNSYNC = 0x0040
# JEDEC: 0x0A is "90-100 % of the estimated life used", 0x0B beyond it.
WORN_LIFE = 0x0A
BACK_UP = "Back up (`wattkeep backup FOLDER`, on another disk)"


def check_clock(now: datetime) -> Iterator[Finding]:
    """Find a clock that is wrong, or that nobody sets."""
    if now < BUILT_IN:
        yield fault(
            "clock",
            f"The clock says {now:%Y-%m-%d %H:%M}, which is before this version was made.",
            "Set the clock (timedatectl set-ntp true). A Raspberry Pi has none of its own: give it"
            " a network at the start, or a clock module.",
        )
        return
    newest = DeviceBoot.objects.aggregate(newest=Max("last_seen"))["newest"]
    if newest is not None and newest > now + MOST_AHEAD:
        yield fault(
            "clock",
            f"A device was last heard at {newest:%Y-%m-%d %H:%M:%S} UTC, which is in the future:"
            f" the clock says {now:%Y-%m-%d %H:%M:%S} and was set back.",
            "Set the clock right (timedatectl). Readings taken meanwhile keep the time they got.",
        )
    if is_clock_adrift():
        yield risk(
            "clock-not-synchronised",
            "Nothing keeps this machine's clock right.",
            "Have it set over the network: timedatectl set-ntp true. In a container, on its host.",
        )


def is_clock_adrift() -> bool:
    """Tell whether the kernel knows its clock as not synchronised; False where it cannot say."""
    try:
        buffer = ctypes.create_string_buffer(512)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.adjtimex(buffer) < 0:
            return False
        status_at = 4 * ctypes.sizeof(ctypes.c_long) + ctypes.sizeof(ctypes.c_long)
        status = ctypes.c_int.from_buffer(buffer, status_at)
    except (OSError, AttributeError):
        return False
    return bool(status.value & STA_UNSYNC)


def check_disk() -> Iterator[Finding]:
    """Find a disk that is nearly full."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    share = usage.free / usage.total if usage.total else 0
    free = f"{usage.free / 1024**2:,.0f} MB of {usage.total / 1024**3:,.1f} GB"
    if usage.free < LEAST_FREE_BYTES:
        yield fault(
            "disk-full",
            f"The disk of {settings.DATA_DIR} is nearly full: {free} are free.",
            "Make room. `wattkeep storage` shows what Wattkeep needs, and what keeping single"
            " readings for a shorter time would save.",
        )
    elif share < LEAST_FREE_SHARE:
        yield risk(
            "disk-filling",
            f"Little room is left on the disk of {settings.DATA_DIR}: {free}.",
            "`wattkeep storage` shows how fast it fills, and what keeping single readings for a"
            " shorter time (on the Settings page) would save.",
        )


def check_card(machine: Machine) -> Iterator[Finding]:
    """Find the signs of a disk, or SD card, that is dying."""
    for line in _lines(machine.proc / "mounts"):
        device, folder, _, options, *_ = [*line.split(" "), "", "", "", ""]
        if device.startswith("/dev/") and _holds_data(folder) and "ro" in options.split(","):
            yield fault(
                "disk-read-only",
                f"{folder} is read-only: the system makes a disk so when writing to it failed.",
                f"{BACK_UP} what can still be read, and replace the disk or SD card.",
            )
    for path in sorted(machine.sys.glob("fs/ext4/*/errors_count")):
        if (count := _number(path)) > 0:
            yield fault(
                "disk-errors",
                f"The file system on {path.parent.name} has had {count} errors.",
                f"{BACK_UP} now. Then check it (fsck), or replace the disk or SD card.",
            )
    for path in sorted(machine.sys.glob("block/*/device/life_time")):
        lives = [int(part, 16) for part in " ".join(_lines(path)).split()]
        if max(lives, default=0) >= WORN_LIFE:
            yield risk(
                "disk-worn",
                f"{path.parent.parent.name} has used up nearly all of its life.",
                f"{BACK_UP}, and replace it soon; cards sold as high endurance last longer.",
            )


def check_future_readings(now: datetime) -> Iterator[Finding]:
    """Find readings from the future, which hide the present."""
    ahead = EnergyReading.objects.filter(timestamp__gt=now + MOST_AHEAD)
    if device_id := ahead.values_list("device_id", flat=True).first():
        name = Device.objects.filter(pk=device_id).values_list("name", flat=True).first()
        yield risk(
            "future-readings",
            f"{name or 'A deleted device'} (device {device_id}) has readings from the future, taken"
            " while a clock was wrong.",
            "See that the clocks of the board and of this machine are right. Nothing else needs to"
            " be done: until that time has come, its page shows an old value as the newest.",
        )


def _holds_data(folder: str) -> bool:
    data = str(settings.DATA_DIR.resolve())
    return bool(folder) and (data == folder or data.startswith(folder.rstrip("/") + "/"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(path: Path) -> int:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else 0
