"""The forms of sharing: inviting somebody, making a viewer link, looking through the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as lazy

from wattkeep.monitoring.models import AuditEntry
from wattkeep.monitoring.models.sharing import GIVEN_ROLES
from wattkeep.monitoring.sharing import LINK_LASTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattkeep.monitoring.models import Device

ROLE_WORDS = {
    10: lazy("Viewer: looks, and changes nothing"),
    20: lazy("Editor: devices, rules, corrections and settings"),
}
WHOLE_SITE = ""
USUAL_DAYS = 30


class InviteForm(forms.Form):
    """Whom to invite, as what; nobody named makes a link to hand over."""

    to = forms.CharField(
        label=lazy("User name or e-mail address"),
        required=False,
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=lazy("Leave it empty for a link that you hand over yourself."),
    )
    role = forms.TypedChoiceField(
        label=lazy("Role"),
        coerce=int,
        choices=[(role, ROLE_WORDS[role]) for role, _ in GIVEN_ROLES],
    )

    def clean(self) -> dict[str, Any]:
        """Tell a user name from an e-mail address by its sign."""
        values = super().clean() or self.cleaned_data
        to = values.get("to", "").strip()
        values["email"] = to if "@" in to else ""
        values["user_name"] = "" if "@" in to else to
        if values["email"]:
            try:
                validate_email(to)
            except ValidationError as error:
                self.add_error("to", error)
        return values


class LinkForm(forms.Form):
    """What a viewer link shows, to whom, for how long."""

    name = forms.CharField(
        label=lazy("For whom"), required=False, max_length=100, help_text=lazy("Only you see it.")
    )
    device = forms.ChoiceField(label=lazy("It shows"), required=False)
    days = forms.TypedChoiceField(
        label=lazy("Good for"), coerce=int, choices=list(LINK_LASTS.items()), initial=USUAL_DAYS
    )

    def __init__(self, *args: Any, devices: Iterable[Device], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._devices = {str(device.pk): device for device in devices}
        self.fields["device"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (WHOLE_SITE, lazy("The whole site")),
            *((key, device.name) for key, device in self._devices.items()),
        ]

    @property
    def chosen(self) -> Device | None:
        return self._devices.get(self.cleaned_data["device"])


class AuditForm(forms.Form):
    """Which lines of the log are looked for."""

    subject = forms.ChoiceField(
        label=lazy("About"),
        required=False,
        choices=[("", lazy("Everything")), *AuditEntry.Subject.choices],
    )
    actor = forms.CharField(label=lazy("Who"), required=False, max_length=150)
    since = forms.DateField(
        label=lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=lazy("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
