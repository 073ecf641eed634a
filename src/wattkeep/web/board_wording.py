"""How pages speak of boards: figures with units, states in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from wattkeep.monitoring.models import BoardCommand, FirmwareTrial
from wattkeep.monitoring.wording import exact_text
from wattkeep.web.wording import NO_VALUE

# Below these a link drops packets now and then, and often.
FAIR_DBM = -67
WEAK_DBM = -75

COMMANDS = (
    (BoardCommand.Kind.REBOOT, lazy("Restart it")),
    (BoardCommand.Kind.SEND_LOG, lazy("Fetch its log")),
)
WORDS = {
    BoardCommand.Kind.REBOOT: lazy("Restart"),
    BoardCommand.Kind.SEND_LOG: lazy("Fetch the log"),
    BoardCommand.Kind.RESET_ENERGY: lazy("Set the counter to 0"),
}
UPDATES = {
    FirmwareTrial.State.OFFERED: lazy("{version} is offered to it."),
    FirmwareTrial.State.FETCHING: lazy("It fetches {version} or tries it."),
    FirmwareTrial.State.CONFIRMED: lazy("{version} runs and has proven itself."),
    FirmwareTrial.State.FAILED: lazy("It tried {version} and went back: {reason}"),
}


# Of `boards.releases.state_of`.
RELEASE_STATES = {
    "open": lazy("open"),
    "held back": lazy("held back"),
    "halted": lazy("halted"),
    "withdrawn": lazy("withdrawn"),
}


def health_words(health: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a board's figures as label and text, in the order they are shown."""
    slot = f" ({health['slot']})" if health["slot"] else ""
    heap = health["free_heap"]
    return [
        (_("Firmware"), f"{health['firmware']}{slot}" if health["firmware"] else NO_VALUE),
        (_("Running for"), duration_text(health["uptime_s"])),
        (_("Wi-Fi signal"), signal_text(health["rssi_dbm"])),
        (_("Free memory"), NO_VALUE if heap is None else f"{exact_text(heap / 1024, 1)} KiB"),
        (_("Windows waiting"), _count(health["backlog"])),
        (_("Bad answers of the meter"), _count(health["bad_polls"])),
        (_("Restarts"), _count(health["resets"])),
        (_("Last restart"), health["reset_cause"] or NO_VALUE),
    ]


def signal_text(rssi_dbm: int | None) -> str:
    """Return a signal's strength in dBm and in a word."""
    if rssi_dbm is None:
        return NO_VALUE
    word = _("good") if rssi_dbm >= FAIR_DBM else _("fair") if rssi_dbm >= WEAK_DBM else _("weak")
    return f"{rssi_dbm} dBm, {word}".replace("-", "−")


def duration_text(seconds: int | None) -> str:
    """Return a duration in its largest whole unit."""
    if seconds is None:
        return NO_VALUE
    days, hours, minutes = seconds // 86_400, seconds // 3_600, seconds // 60
    if days:
        return ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    return f"{hours} h" if hours else f"{minutes} min" if minutes else f"{seconds} s"


def update_words(update: dict[str, Any] | None) -> str:
    """Return what became of the last release a board was offered."""
    return UPDATES[FirmwareTrial.State(update["state"])].format(**update) if update else ""


def command_words(row: dict[str, Any]) -> dict[str, Any]:
    """Return a command with its name, and how far it got, in words."""
    if row["done_at"]:
        progress = (
            _("done")
            if row["result"] == "ok"
            else _("failed: %(result)s") % {"result": row["result"]}
        )
    else:
        progress = _("handed over") if row["delivered_at"] else _("waits for the board")
    return {**row, "name": WORDS[BoardCommand.Kind(row["command"])], "progress": progress}


def _count(number: int | None) -> str:
    return NO_VALUE if number is None else exact_text(number, 0)
