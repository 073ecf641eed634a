"""The form that orders a file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.api.spans import EARLIEST, LATEST
from wattkeep.domain.calendar import day_start
from wattkeep.history.exports import Wish
from wattkeep.monitoring.models import Export

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from wattkeep.monitoring.models import Device, Site

DAY = timedelta(days=1)


def _date_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class ExportForm(forms.Form):
    """Of what, as what, and of which days of the site's calendar."""

    source = forms.ChoiceField(label=lazy("Of"))
    what = forms.ChoiceField(label=lazy("What"), choices=Export.What.choices)
    format = forms.ChoiceField(
        label=lazy("As"),
        choices=Export.Format.choices,
        help_text=lazy("CSV for spreadsheets and Wattkeep's import; NDJSON for programs."),
    )
    start = _date_field(lazy("From"))
    end = _date_field(lazy("Up to and including"))

    def __init__(
        self, *args: Any, devices: Sequence[Device], sites: Sequence[Site], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._devices = {f"device-{device.pk}": device for device in devices}
        self._sites = {f"site-{site.pk}": site for site in sites if _holds_many(site, devices)}
        self.fields["source"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            *((key, device.name) for key, device in self._devices.items()),
            *(
                (key, _("All of %(name)s") % {"name": site.name})
                for key, site in self._sites.items()
            ),
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse a last day before the first one; cut it to days there are."""
        values = super().clean() or {}
        start, end = values.get("start"), values.get("end")
        if start and end and start > end:
            self.add_error("end", _("The end must lie after the start."))
        elif end:
            values["end"] = min(end, LATEST.date())
        return values

    def wish(self, now: datetime) -> Wish:
        """Return what was chosen."""
        asked = self.cleaned_data
        site = self._sites.get(asked["source"])
        if site is not None:
            devices = [one for one in self._devices.values() if one.site_id == site.pk]
            name, zone = site.name, site.zone
        else:
            devices = [self._devices[asked["source"]]]
            name, zone = devices[0].name, devices[0].site.zone
        start = _instant(asked["start"], zone) if asked["start"] else EARLIEST
        end = min(_instant(asked["end"] + DAY, zone), now) if asked["end"] else now
        return Wish(
            name,
            sorted(devices, key=lambda device: device.pk),
            asked["what"],
            asked["format"],
            min(start, end),
            end,
            is_of_site=site is not None,
        )


def _holds_many(site: Site, devices: Sequence[Device]) -> bool:
    return sum(device.site_id == site.pk for device in devices) > 1


def _instant(day: date, zone: ZoneInfo) -> datetime:
    if not EARLIEST.date() <= day <= LATEST.date():
        return EARLIEST if day < EARLIEST.date() else LATEST
    return day_start(day, zone).astimezone(UTC)
