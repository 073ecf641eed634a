"""Ready-made configurations for a new device: what to put where, with its key in it."""

from __future__ import annotations

from dataclasses import dataclass

import segno
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

# Until the key is known, as the pages of docs/ write it.
NO_KEY = "YOUR-KEY"
# Boxes of the QR code in pixels, and the quiet margin that readers ask for.
QR_SCALE = 4
QR_BORDER = 4


@dataclass(frozen=True)
class Setup:
    """One kind of device: its name, what to do, and the text to copy."""

    slug: str
    title: str
    steps: str
    text: str


def setups(post_address: str, key: str | None) -> list[Setup]:
    """Return every ready-made configuration, our own firmware's first."""
    context = {
        "address": post_address,
        "server": post_address.removesuffix("/api/energy-data/"),
        "key": key or NO_KEY,
    }
    return [
        Setup(slug, title, steps, _text(slug, context))
        for slug, title, steps in (
            (
                "wattkeep",
                _("Wattkeep's firmware"),
                _(
                    "Write your network's name and password into it, save it as config.json, and"
                    " run: wattkeep board flash. It puts everything onto an ESP8266."
                ),
            ),
            (
                "arduino",
                "Arduino",
                _("A sketch for an ESP8266 with the PZEM004Tv30 library, to go on from."),
            ),
            (
                "esphome",
                "ESPHome",
                _("Beside your usual esphome, esp8266 and wifi parts. Not tried on a device."),
            ),
            (
                "tasmota",
                "Tasmota",
                _("Into its console; WebQuery must be in its build. Not tried on a device."),
            ),
            ("curl", "curl", _("To try it without a board: sends one reading.")),
        )
    ]


def _text(slug: str, context: dict[str, str]) -> str:
    return render_to_string(f"web/setups/{slug}.txt", context).rstrip()


def qr_code(text: str) -> SafeString:
    """Return a text as a QR code: an SVG without styles or scripts, to stand in a page."""
    code = segno.make(text, micro=False)
    drawn = code.svg_inline(
        scale=QR_SCALE, border=QR_BORDER, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
    return mark_safe(drawn)  # noqa: S308 - of numbers and our own colours only
