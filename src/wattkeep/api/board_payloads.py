"""The JSON bodies about boards; the pages render from the same ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wattkeep.api.payloads import iso
from wattkeep.boards.commands import recent_commands
from wattkeep.boards.configuration import setup_of
from wattkeep.boards.health import health_of
from wattkeep.monitoring.models import Device, FirmwareTrial

if TYPE_CHECKING:
    from datetime import datetime

    from wattkeep.boards.health import BoardHealth
    from wattkeep.monitoring.models import BoardCommand

COMMANDS_SHOWN = 10
# The ESP8266's own numbers.
RESET_CAUSES = {
    0: "power on",
    1: "watchdog",
    2: "exception",
    3: "software watchdog",
    4: "soft reset",
    5: "deep sleep",
    6: "reset button",
}


def board_payload(device: Device, now: datetime) -> dict[str, Any]:
    """Return how a device's board is, what it is told, and what it has to do."""
    health = health_of(device.pk)
    version = Device.objects.values_list("config_version", flat=True).get(pk=device.pk)
    setup = setup_of(device.pk)
    return {
        "device": device.pk,
        "health": health_row(health, now) if health else None,
        "config": {
            "interval_s": device.interval_s,
            "display": setup.display,
            "contrast": setup.contrast,
            "meters": list(setup.meters),
        },
        "config_version": version,
        "applied_version": health.config_version if health else None,
        "told_version": health.told_version if health else None,
        "firmware_update": _update(device.pk),
        "commands": [command_row(one) for one in recent_commands(device.pk, COMMANDS_SHOWN)],
    }


def health_row(health: BoardHealth, now: datetime) -> dict[str, Any]:
    """Return a board's last words, and how old they are."""
    row = asdict(health)
    del row["config_version"], row["told_version"]
    cause = health.reset_cause
    row["reset_cause"] = None if cause is None else RESET_CAUSES.get(cause, str(cause))
    row["last_contact"] = iso(health.last_contact)
    row["age_s"] = max(int((now - health.last_contact).total_seconds()), 0)
    row["reported_at"] = iso(health.reported_at)
    row["log_at"] = iso(health.log_at)
    return row


def command_row(command: BoardCommand) -> dict[str, Any]:
    """Return one command and how far it got."""
    return {
        "id": command.pk,
        "command": command.kind,
        "created_at": iso(command.created_at),
        "created_by": command.created_by.get_username() if command.created_by else None,
        "delivered_at": iso(command.delivered_at),
        "done_at": iso(command.done_at),
        "result": command.result,
    }


def _update(device_id: int) -> dict[str, Any] | None:
    trials = FirmwareTrial.objects.filter(device_id=device_id).select_related("release")
    trial = trials.defer("release__manifest").order_by("-id").first()
    if trial is None:
        return None
    return {
        "version": trial.release.version,
        "state": trial.state,
        "reason": trial.reason,
        "offered_at": iso(trial.offered_at),
        "ended_at": iso(trial.ended_at),
    }
