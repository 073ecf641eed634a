"""The form of a home's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from wattkeep.monitoring.models import EnergyReading, ReadingBlock, Site
from wattkeep.web.forms import describe, time_zone_input

if TYPE_CHECKING:
    from wattkeep.web.forms import Words

SITE_WORDS: Words = {
    "name": (lazy("Name"), ""),
    "time_zone": (
        lazy("Time zone"),
        lazy("Days and months are counted in this zone, e.g. Europe/Paris."),
    ),
    "currency": (lazy("Currency"), lazy("Three letters, e.g. EUR.")),
    "price_per_kwh": (
        lazy("Price of a kWh"),
        lazy("In the currency above, e.g. 0.32. Empty shows no costs."),
    ),
    "keep_raw_days": (
        lazy("Keep single readings for (days)"),
        lazy("Empty keeps every reading for good. Quarter-hour figures stay in any case."),
    ),
}


class SiteForm(forms.ModelForm):  # type: ignore[type-arg]
    """A home's name, time zone, currency, price, and how long its single readings are kept.

    Whoever shortens that far enough to delete something has to say so twice.
    """

    confirm_deletion = forms.BooleanField(
        label=lazy("Delete them, for good"), required=False, widget=forms.HiddenInput
    )

    class Meta:
        model = Site
        fields = ("name", "time_zone", "currency", "price_per_kwh", "keep_raw_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self, SITE_WORDS)
        if self.instance.price_per_kwh is not None:
            # 0.32, not the 0.32000 that the column holds.
            self.initial["price_per_kwh"] = f"{self.instance.price_per_kwh.normalize():f}"
        self.fields["time_zone"].widget = time_zone_input()
        self.fields["currency"].widget.attrs["autocapitalize"] = "characters"
        self._kept = self.instance.keep_raw_days

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        days = cleaned.get("keep_raw_days")
        if days is None or cleaned.get("confirm_deletion"):
            return cleaned
        if self._kept is not None and days >= self._kept:
            return cleaned
        if count := self._count_days_before(days):
            self.fields["confirm_deletion"].widget = forms.CheckboxInput()
            self.add_error(
                "keep_raw_days",
                ngettext(
                    "The single readings of %(count)d day are older and would be deleted.",
                    "The single readings of %(count)d days are older and would be deleted.",
                    count,
                )
                % {"count": count},
            )
        return cleaned

    def _count_days_before(self, days: int) -> int:
        """Return how many of its devices' days hold readings that would go."""
        edge = timezone.now() - timedelta(days=days + 1)
        ids = list(self.instance.devices.values_list("pk", flat=True))
        sealed = ReadingBlock.objects.filter(device_id__in=ids, day__lt=edge).count()
        rows = EnergyReading.objects.filter(device_id__in=ids, timestamp__lt=edge)
        return sealed or int(rows.exists())
