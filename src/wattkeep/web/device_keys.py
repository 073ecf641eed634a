"""A device's new key on its page: how long the old one stays good."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wattkeep.api.audited import note_new_key
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.devices import USUAL_OVERLAP, end_old_keys, replace_key
from wattkeep.web.once import hold_key

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from wattkeep.monitoring.models import Device

HOURS = (
    (0, gettext_lazy("not at all: it ends at once")),
    (1, gettext_lazy("1 hour")),
    (24, gettext_lazy("24 hours")),
    (7 * 24, gettext_lazy("7 days")),
)


class KeyForm(forms.Form):
    """How long a device may go on with its old key."""

    keep_old_h = forms.TypedChoiceField(
        label=gettext_lazy("The old key stays good for"),
        choices=HOURS,
        coerce=int,
        initial=int(USUAL_OVERLAP.total_seconds() // 3600),
        help_text=gettext_lazy("Time to change the board. If somebody else saw it: not at all."),
    )


def change_key(request: HttpRequest, device: Device) -> HttpResponse:
    """Give a device a new key and lead to it, or end its old ones."""
    if "end_old_keys" in request.POST:
        if end_old_keys(device):
            note(request, Subject.KEY, "old keys ended", on=device)
        messages.success(request, _("Old keys have ended."))
        return redirect("web:device_edit", device.pk)
    form = KeyForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how long the old key stays good."))
        return redirect("web:device_edit", device.pk)
    keep_old = timedelta(hours=form.cleaned_data["keep_old_h"])
    hold_key(request, device, replace_key(device, keep_old=keep_old))
    note_new_key(request, device, keep_old)
    return redirect("web:device_key", device.pk)
