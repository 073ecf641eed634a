"""Setting figures right, noting another meter, deleting a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.access import devices_of
from wattkeep.ledger.corrections import CorrectionError, set_correction, undo_correction
from wattkeep.ledger.swap import SwapError, counter_before, swap_hardware
from wattkeep.monitoring.deletion import WrongNameError, delete_device
from wattkeep.monitoring.models import Correction
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
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    user: User = request.user  # type: ignore[assignment]  # login_required
    # What is typed is meant on the clock of the device's site.
    with timezone.override(device.site.zone):
        form = CorrectionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_correction(device, form.wish(), user, timezone.now())
            except CorrectionError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "The figure is corrected. You can undo it at any time.")
                return redirect("web:device_corrections", device.pk)
        corrections = Correction.objects.filter(device=device).annotate(kwh=F("energy_wh") / 1000)
        context = {
            "device": device,
            "form": form,
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
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    correction = get_object_or_404(Correction, pk=correction_id, device=device)
    user: User = request.user  # type: ignore[assignment]  # login_required
    undo_correction(correction, user, timezone.now())
    messages.success(request, "The correction is undone.")
    return redirect("web:device_corrections", device.pk)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_swap(request: HttpRequest, device_id: int) -> HttpResponse:
    """Note that a device got another meter or board, and lead to its new key."""
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    with timezone.override(device.site.zone):
        now = timezone.now()
        form = SwapForm(request.POST or None, initial={"at": now})
        form.tell_last_counter(counter_before(device, now))
        if request.method == "POST" and form.is_valid():
            try:
                key = swap_hardware(device, form.change(), now)
            except SwapError as error:
                form.add_error(None, str(error))
            else:
                hold_key(request, device, key)
                return redirect("web:device_key", device.pk)
        return render(request, "web/device_swap.html", {"device": device, "form": form})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_delete(request: HttpRequest, device_id: int) -> HttpResponse:
    """Offer a device's files, and delete it once its name was typed."""
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    error = ""
    if request.method == "POST":
        try:
            delete_device(device, request.POST.get("name", ""))
        except WrongNameError as wrong:
            error = str(wrong)
        else:
            messages.success(request, f"{device.name} is deleted.")
            return redirect("web:devices")
    return render(request, "web/device_delete.html", {"device": device, "error": error})
