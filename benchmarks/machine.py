"""What a figure was measured on; a figure without it says nothing."""

from __future__ import annotations

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

FSYNCS = 200


def describe_machine(folder: Path) -> str:
    """Return one line: date, processor, kernel, disk, what an fsync costs, how busy it was."""
    device, kind = _mount(folder)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({_processor()}),"
        f" Linux {platform.release()}, {kind} on {device} ({_disk_type(device)}),"
        f" fdatasync of 4 KiB {_fdatasync_ms(folder):.2f} ms,"
        f" load average before {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )


def is_memory(folder: Path) -> bool:
    return _mount(folder)[1] in {"tmpfs", "ramfs"}


def _mount(folder: Path) -> tuple[str, str]:
    """Return the device and file system that hold `folder`."""
    best, found = "", ("?", "?")
    for line in Path("/proc/mounts").read_text().splitlines():
        device, point, kind = line.split()[:3]
        if folder.resolve().is_relative_to(point) and len(point) >= len(best):
            best, found = point, (device, kind)
    return found


def _disk_type(device: str) -> str:
    name = Path(device).name
    for block in Path("/sys/block").iterdir():
        if name == block.name or (block / name).exists():
            if block.name.startswith(("vd", "xvd")):
                return "virtual disk"
            spins = (block / "queue" / "rotational").read_text().strip() == "1"
            return "rotating disk" if spins else "solid state"
    return "disk of unknown type"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _fdatasync_ms(folder: Path) -> float:
    path = folder / "fsync"
    taken = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(4096))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begin)
    path.unlink()
    return statistics.median(taken) * 1000
