"""The form that corrects a span somebody chose among the bars."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.ledger.corrections import Wish

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from django_stubs_ext import StrOrPromise

    from wattkeep.monitoring.models import Device

FIELD_FORMAT = "%Y-%m-%dT%H:%M"


def _moment(label: StrOrPromise, help_text: StrOrPromise = "") -> forms.CharField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 900})
    return forms.CharField(label=label, widget=widget, help_text=help_text)


class SpanCorrectionForm(forms.Form):
    """What a span really used, or that it does not count.

    The fields show the site's clock, on which an hour comes twice a year. So the instants that
    were chosen travel beside them, and count as long as nobody changes the fields.
    """

    device = forms.TypedChoiceField(coerce=int)
    start = _moment(lazy("From"), lazy("At a full quarter of an hour."))
    end = _moment(lazy("To"))
    exact_start = forms.CharField(widget=forms.HiddenInput, required=False)
    exact_end = forms.CharField(widget=forms.HiddenInput, required=False)
    what = forms.ChoiceField(
        label=lazy("What to do"),
        choices=[
            ("set", lazy("Say what it really used")),
            ("out", lazy("Leave it out of every sum")),
        ],
        widget=forms.RadioSelect(attrs={"class": "size-4.5 accent-copper"}),
        initial="set",
    )
    consumption = forms.FloatField(
        label=lazy("Used (kWh)"),
        min_value=0,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    reason = forms.CharField(
        label=lazy("Why"),
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": lazy("e.g. Read off the old meter")}),
    )

    def __init__(
        self, *args: Any, zone: ZoneInfo, devices: Sequence[Device], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        field: Any = self.fields["device"]
        field.choices = [(device.pk, device.name) for device in devices]
        if len(devices) == 1:
            field.widget = forms.HiddenInput()
            field.initial = devices[0].pk

    @classmethod
    def initial_span(cls, start: datetime, end: datetime, zone: ZoneInfo) -> dict[str, str]:
        """Return the values that show a span and keep its instants."""
        return {
            "start": f"{start.astimezone(zone):{FIELD_FORMAT}}",
            "end": f"{end.astimezone(zone):{FIELD_FORMAT}}",
            "exact_start": start.astimezone(UTC).isoformat(),
            "exact_end": end.astimezone(UTC).isoformat(),
        }

    def clean_start(self) -> datetime:
        return self._read("start")

    def clean_end(self) -> datetime:
        return self._read("end")

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or {}
        is_missing = asked.get("what") == "set" and asked.get("consumption") is None
        if is_missing and "consumption" not in self.errors:
            self.add_error("consumption", _("Write how much, or choose to leave it out."))
        return asked

    def wish(self) -> Wish:
        """Return what was typed, in the ledger's units."""
        asked = self.cleaned_data
        kwh: float | None = asked["consumption"] if asked["what"] == "set" else None
        energy_wh = None if kwh is None else kwh * 1000
        return Wish(asked["start"], asked["end"], energy_wh, asked["reason"])

    def _read(self, name: str) -> datetime:
        """Return the instant a field means.

        Raises:
            ValidationError: it is none, or one of two.
        """
        typed = self.cleaned_data[name]
        try:
            local = datetime.fromisoformat(typed).replace(tzinfo=None)
        except ValueError:
            raise ValidationError(_("Write a date and a time.")) from None
        exact = self._exact(name)
        if exact is not None and f"{exact.astimezone(self.zone):{FIELD_FORMAT}}" == typed:
            return exact
        instants = {local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        possible = [
            one for one in instants if one.astimezone(self.zone).replace(tzinfo=None) == local
        ]
        if not possible:
            raise ValidationError(_("The clock was put forward: this time did not exist."))
        if len(possible) > 1:
            raise ValidationError(
                _("The clock was put back: this time came twice. Choose it among the bars.")
            )
        return possible[0]

    def _exact(self, name: str) -> datetime | None:
        try:
            exact = datetime.fromisoformat(self.data.get(f"exact_{name}", ""))
        except ValueError:
            return None
        return exact if exact.tzinfo else None
