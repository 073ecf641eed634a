"""Listing, adding and changing devices, and showing a new key once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from wattkeep.api.access import devices_of
from wattkeep.api.payloads import device_rows
from wattkeep.ledger.meters import change_device
from wattkeep.monitoring.devices import create_device, replace_key
from wattkeep.web.addresses import is_loopback, post_address
from wattkeep.web.forms import DeviceForm, NewDeviceForm
from wattkeep.web.once import hold_key, take_key

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@never_cache
@login_required
@require_safe
def device_list(request: HttpRequest) -> HttpResponse:
    """Show every device with its state, or how to add the first."""
    devices = devices_of(request.user)
    now = timezone.now()
    rows = list(zip(device_rows(devices, now), devices, strict=True))
    return render(request, "web/devices.html", {"rows": rows, "now": now})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_add(request: HttpRequest) -> HttpResponse:
    """Make a device and lead to its key."""
    form = NewDeviceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        device, key = create_device(request.user, fields.pop("name"), **fields)  # type: ignore[arg-type]  # login_required
        hold_key(request, device, key)
        return redirect("web:device_key", device.pk)
    return render(request, "web/device_add.html", {"form": form})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_edit(request: HttpRequest, device_id: int) -> HttpResponse:
    """Change a device, or give it a new key."""
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    if request.method == "POST" and "new_key" in request.POST:
        if request.POST.get("confirm") == "yes":
            hold_key(request, device, replace_key(device))
            return redirect("web:device_key", device.pk)
        messages.error(request, "Tick the box first: the old key stops working at once.")
        return redirect("web:device_edit", device.pk)
    form = DeviceForm(request.POST or None, instance=device)
    if request.method == "POST" and form.is_valid():
        change_device(device.pk, form.save)
        messages.success(request, f"{device.name} is saved.")
        return redirect("web:device", device.pk)
    # The form writes what was typed into the instance, right or wrong; the title keeps the name.
    title = form.initial["name"]
    return render(request, "web/device_edit.html", {"form": form, "device": device, "title": title})


@never_cache
@login_required
@require_GET
def device_key(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show a new key, this once."""
    device = get_object_or_404(devices_of(request.user), pk=device_id)
    context = {
        "device": device,
        "key": take_key(request, device),
        "post_address": post_address(request),
        "is_loopback": is_loopback(request),
    }
    return render(request, "web/device_key.html", context)
