"""How pages speak of boards: figures with units, states in words."""

from __future__ import annotations

from typing import Any

from wattkeep.monitoring.models import BoardCommand, FirmwareTrial
from wattkeep.web.wording import NO_VALUE, UNITS

# Below these a link drops packets now and then, and often.
FAIR_DBM = -67
WEAK_DBM = -75

COMMANDS = (
    (BoardCommand.Kind.REBOOT, "Restart it"),
    (BoardCommand.Kind.SEND_LOG, "Fetch its log"),
)
WORDS = {
    BoardCommand.Kind.REBOOT: "Restart",
    BoardCommand.Kind.SEND_LOG: "Fetch the log",
    BoardCommand.Kind.RESET_ENERGY: "Set the counter to 0",
}
UPDATES = {
    FirmwareTrial.State.OFFERED: "{version} is offered to it.",
    FirmwareTrial.State.FETCHING: "It fetches {version} or tries it.",
    FirmwareTrial.State.CONFIRMED: "{version} runs and has proven itself.",
    FirmwareTrial.State.FAILED: "It tried {version} and went back: {reason}",
}


def health_words(health: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a board's figures as label and text, in the order they are shown."""
    slot = f" ({health['slot']})" if health["slot"] else ""
    heap = health["free_heap"]
    return [
        ("Firmware", f"{health['firmware']}{slot}" if health["firmware"] else NO_VALUE),
        ("Running for", duration_text(health["uptime_s"])),
        ("Wi-Fi signal", signal_text(health["rssi_dbm"])),
        ("Free memory", NO_VALUE if heap is None else f"{heap / 1024:.1f} KiB"),
        ("Windows waiting", _count(health["backlog"])),
        ("Bad answers of the meter", _count(health["bad_polls"])),
        ("Restarts", _count(health["resets"])),
        ("Last restart", health["reset_cause"] or NO_VALUE),
    ]


def signal_text(rssi_dbm: int | None) -> str:
    """Return a signal's strength in dBm and in a word."""
    if rssi_dbm is None:
        return NO_VALUE
    word = "good" if rssi_dbm >= FAIR_DBM else "fair" if rssi_dbm >= WEAK_DBM else "weak"
    return f"{rssi_dbm} dBm, {word}".replace("-", "−")


def duration_text(seconds: int | None) -> str:
    """Return a duration in its largest whole unit."""
    if seconds is None:
        return NO_VALUE
    for unit_s, name in UNITS:
        if seconds >= unit_s:
            count = seconds // unit_s
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{seconds} s"


def update_words(update: dict[str, Any] | None) -> str:
    """Return what became of the last release a board was offered."""
    return UPDATES[FirmwareTrial.State(update["state"])].format(**update) if update else ""


def command_words(row: dict[str, Any]) -> dict[str, Any]:
    """Return a command with its name, and how far it got, in words."""
    if row["done_at"]:
        progress = "done" if row["result"] == "ok" else f"failed: {row['result']}"
    else:
        progress = "handed over" if row["delivered_at"] else "waits for the board"
    return {**row, "name": WORDS[BoardCommand.Kind(row["command"])], "progress": progress}


def _count(number: int | None) -> str:
    return NO_VALUE if number is None else f"{number:,}"
