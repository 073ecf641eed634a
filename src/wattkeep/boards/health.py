"""How a device's board is: what it said with its last post and when it last asked for news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wattkeep.monitoring.models import BoardReport, DeviceBoot

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class BoardHealth:
    """A board's last words; None is what it never told."""

    firmware: str | None
    slot: str | None
    boot: str | None
    uptime_s: int | None
    rssi_dbm: int | None
    free_heap: int | None
    bad_polls: int | None
    backlog: int | None
    resets: int | None
    reset_cause: int | None
    last_contact: datetime
    reported_at: datetime | None
    # The configuration it had applied when it reported, and the one it was told then.
    config_version: int | None
    told_version: int | None
    log: str
    log_at: datetime | None


def health_of(device_id: int) -> BoardHealth | None:
    """Return how a device's board is; None if no board of ours ever spoke.

    Firmware, uptime, signal and heap come with every post; the rest with a report, every few
    hours, so `reported_at` is their time.
    """
    boots = DeviceBoot.objects.filter(device_id=device_id).exclude(boot="")
    boot = boots.order_by("-last_seen").first()
    report = BoardReport.objects.filter(pk=device_id).first()
    if boot is None and report is None:
        return None
    # Whoever spoke last knows best; what they did not say, the other may have said.
    spoke: list[DeviceBoot | BoardReport] = [one for one in (boot, report) if one is not None]
    spoke.sort(key=_spoke_at, reverse=True)
    told = {
        name: next((value for one in spoke if (value := getattr(one, name)) is not None), None)
        for name in ("uptime_s", "rssi_dbm", "free_heap")
    }
    return BoardHealth(
        firmware=next((one.firmware for one in spoke if one.firmware), None),
        boot=spoke[0].boot or None,
        last_contact=_spoke_at(spoke[0]),
        slot=(report.slot or None) if report else None,
        bad_polls=report.bad_polls if report else None,
        backlog=report.backlog if report else None,
        resets=report.resets if report else None,
        reset_cause=report.reset_cause if report else None,
        reported_at=report.reported_at if report else None,
        config_version=report.config_version if report else None,
        told_version=report.told_version if report else None,
        log=report.log if report else "",
        log_at=report.log_at if report else None,
        **told,
    )


def _spoke_at(one: DeviceBoot | BoardReport) -> datetime:
    return one.reported_at if isinstance(one, BoardReport) else one.last_seen
