"""Forms that set figures right; times are those of the site's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.ledger.corrections import Wish
from wattkeep.ledger.swap import Change
from wattkeep.monitoring.wording import exact_text

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

QUARTER_S = 900


def _moment(label: StrOrPromise, **options: Any) -> forms.DateTimeField:
    step_s = options.pop("step_s", 1)
    return forms.DateTimeField(
        label=label,
        # The only form that browsers send, and take back, in such a field.
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "step": step_s}, format="%Y-%m-%dT%H:%M"
        ),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        **options,
    )


class CorrectionForm(forms.Form):
    """What an interval really used."""

    start = _moment(lazy("From"), step_s=QUARTER_S, help_text=lazy("At a full quarter of an hour."))
    end = _moment(lazy("To"), step_s=QUARTER_S)
    consumption = forms.FloatField(
        label=lazy("Used (kWh)"),
        min_value=0,
        required=False,
        help_text=lazy("Leave it empty to leave these hours out of every sum."),
    )
    reason = forms.CharField(label=lazy("Why"), max_length=200)

    def wish(self) -> Wish:
        """Return what was typed, in the ledger's units."""
        asked = self.cleaned_data
        kwh: float | None = asked["consumption"]
        energy_wh = None if kwh is None else kwh * 1000
        return Wish(asked["start"], asked["end"], energy_wh, asked["reason"])


class SwapForm(forms.Form):
    """When a device got another meter or board, and what the counters showed."""

    at = _moment(lazy("When"))
    is_new_meter = forms.BooleanField(
        label=lazy("The meter was replaced, not only the board"), required=False, initial=True
    )
    closing = forms.FloatField(
        label=lazy("Last counter of the old meter (kWh)"), min_value=0, required=False
    )
    opening = forms.FloatField(
        label=lazy("First counter of the new meter (kWh)"),
        min_value=0,
        required=False,
        help_text=lazy(
            "Leave both empty if nobody looked; what was used in between is then not known."
        ),
    )
    note = forms.CharField(label=lazy("Remark"), max_length=200, required=False)

    def tell_last_counter(self, counter_wh: float | None) -> None:
        """Show what the old meter sent last, for who did not note what it showed."""
        if counter_wh is not None:
            words = _("The last that arrived is %(value)s kWh.") % {
                "value": exact_text(counter_wh / 1000, 3)
            }
            self.fields["closing"].help_text = words

    def change(self) -> Change:
        """Return what was typed, in the ledger's units."""
        asked = self.cleaned_data
        closing_wh, opening_wh = (
            None if kwh is None else round(kwh * 1000, 3)
            for kwh in (asked["closing"], asked["opening"])
        )
        return Change(asked["at"], closing_wh, opening_wh, asked["is_new_meter"], asked["note"])
