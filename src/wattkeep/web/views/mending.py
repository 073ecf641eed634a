"""Setting figures right, noting another meter, deleting a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.access import device_or_404, require
from wattkeep.api.audited import note_correction, note_swap
from wattkeep.ledger.corrections import CorrectionError, set_correction, undo_correction
from wattkeep.ledger.swap import SwapError, counter_before, swap_hardware
from wattkeep.monitoring.access import may, principal_of
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.deletion import WrongNameError, delete_device
from wattkeep.monitoring.models import Correction, Role
from wattkeep.web.mending_forms import CorrectionForm, SwapForm
from wattkeep.web.once import hold_key

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

CORRECTIONS_SHOWN = 100


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_corrections(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show what was corrected, and take another correction."""
    device = device_or_404(request, device_id)
    if request.method == "POST":
        require(request, device, Role.EDITOR)
    user: User = request.user  # type: ignore[assignment]  # login_required
    # What is typed is meant on the clock of the device's site.
    with timezone.override(device.site.zone):
        form = CorrectionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                correction = set_correction(device, form.wish(), user, timezone.now())
            except CorrectionError as error:
                form.add_error(None, str(error))
            else:
                note_correction(request, device, correction, "set")
                messages.success(
                    request, _("The figure is corrected. You can undo it at any time.")
                )
                return redirect("web:device_corrections", device.pk)
        corrections = Correction.objects.filter(device=device).annotate(kwh=F("energy_wh") / 1000)
        context = {
            "device": device,
            "form": form,
            "may_correct": may(principal_of(request), device, Role.EDITOR),
            "corrections": corrections.select_related("author", "undone_by").order_by(
                "-start", "-id"
            )[:CORRECTIONS_SHOWN],
        }
        return render(request, "web/device_corrections.html", context)


@never_cache
@login_required
@require_POST
def correction_undo(request: HttpRequest, device_id: int, correction_id: int) -> HttpResponse:
    """Take a correction back: the figure is what it was before."""
    device = device_or_404(request, device_id, Role.EDITOR)
    correction = get_object_or_404(Correction, pk=correction_id, device=device)
    user: User = request.user  # type: ignore[assignment]  # login_required
    undo_correction(correction, user, timezone.now())
    note_correction(request, device, correction, "undone")
    messages.success(request, _("The correction is undone."))
    return redirect("web:device_corrections", device.pk)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_swap(request: HttpRequest, device_id: int) -> HttpResponse:
    """Note that a device got another meter or board, and lead to its new key."""
    device = device_or_404(request, device_id, Role.EDITOR)
    with timezone.override(device.site.zone):
        now = timezone.now()
        form = SwapForm(request.POST or None, initial={"at": now})
        form.tell_last_counter(counter_before(device, now))
        if request.method == "POST" and form.is_valid():
            try:
                change = form.change()
                key = swap_hardware(device, change, now)
            except SwapError as error:
                form.add_error(None, str(error))
            else:
                note_swap(request, device, is_new_meter=change.is_new_meter)
                hold_key(request, device, key)
                return redirect("web:device_key", device.pk)
        return render(request, "web/device_swap.html", {"device": device, "form": form})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_delete(request: HttpRequest, device_id: int) -> HttpResponse:
    """Offer a device's files, and delete it once its name was typed."""
    device = device_or_404(request, device_id, Role.OWNER)
    error = ""
    if request.method == "POST":
        try:
            delete_device(device, request.POST.get("name", ""))
        except WrongNameError as wrong:
            error = str(wrong)
        else:
            note(request, Subject.DEVICE, "deleted", on=device)
            messages.success(request, _("%(name)s is deleted.") % {"name": device.name})
            return redirect("web:devices")
    return render(request, "web/device_delete.html", {"device": device, "error": error})
