"""The forms about boards and their firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as lazy

from wattkeep.boards.configuration import (
    ADDRESSES,
    MOST_INTERVAL_S,
    Setup,
    change_setup,
    setup_of,
)

if TYPE_CHECKING:
    from wattkeep.monitoring.models import Device

OWN = "own"
DISPLAY = ((OWN, lazy("As in its own file")), ("on", lazy("On")), ("off", lazy("Off")))
DISPLAY_VALUES = {OWN: None, "on": True, "off": False}


class BoardForm(forms.Form):
    """What a board is told; an empty field leaves it to the file on the board."""

    interval_s = forms.IntegerField(
        label=lazy("Interval in seconds"),
        min_value=1,
        max_value=MOST_INTERVAL_S,
        help_text=lazy("How often it sends a reading. 10 is right for most."),
    )
    display = forms.ChoiceField(label=lazy("Display"), choices=DISPLAY)
    contrast = forms.IntegerField(
        label=lazy("Contrast of the display"),
        required=False,
        min_value=0,
        max_value=255,
        help_text=lazy("0 to 255. A dimmer display lasts longer."),
    )
    meter = forms.IntegerField(
        label=lazy("Address of its meter"),
        required=False,
        min_value=ADDRESSES.start,
        max_value=ADDRESSES.stop - 1,
        help_text=lazy(
            "1 to 247, or 248 for any. Leave it empty unless several meters share a wire."
        ),
    )

    def __init__(self, data: Any, device: Device) -> None:
        self.device = device
        setup = setup_of(device.pk)
        display = next(name for name, value in DISPLAY_VALUES.items() if value is setup.display)
        initial = {
            "interval_s": device.interval_s,
            "display": display,
            "contrast": setup.contrast,
            "meter": setup.meters[0] if setup.meters else None,
        }
        super().__init__(data, initial=initial)

    def changes(self) -> dict[str, Any]:
        """Return what was changed, by the names in `Setup`."""
        told = self.cleaned_data
        values = {
            "interval_s": told["interval_s"],
            "display": DISPLAY_VALUES[told["display"]],
            "contrast": told["contrast"],
            "meters": (told["meter"],) if told["meter"] else (),
        }
        changed = {"meters" if name == "meter" else name for name in self.changed_data}
        return {name: value for name, value in values.items() if name in changed}

    def save(self) -> None:
        """Store it; the board asks for it with its next post."""
        told = self.cleaned_data
        if told["interval_s"] != self.device.interval_s:
            self.device.interval_s = told["interval_s"]
            self.device.save(update_fields=["interval_s"])
        setup = Setup(
            display=DISPLAY_VALUES[told["display"]],
            contrast=told["contrast"],
            meters=(told["meter"],) if told["meter"] else (),
        )
        change_setup(self.device.pk, setup)


class ShareForm(forms.Form):
    """To how many of the devices a release goes."""

    share = forms.IntegerField(min_value=0, max_value=100)
