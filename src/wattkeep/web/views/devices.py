"""Listing, adding and changing devices, and showing a new key once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from wattkeep.api.access import device_or_404, devices_of, sites_of, sites_to_change
from wattkeep.api.payloads import device_rows, iso
from wattkeep.domain.install_check import Verdict
from wattkeep.history.install_check import check_device
from wattkeep.ledger.meters import change_device
from wattkeep.live.presence import presence_of
from wattkeep.monitoring.access import may, principal_of
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import OldKey, Role
from wattkeep.web.addresses import is_loopback, post_address
from wattkeep.web.check_words import check_words
from wattkeep.web.device_keys import KeyForm, change_key
from wattkeep.web.forms import DeviceForm, NewDeviceForm
from wattkeep.web.once import hold_key, take_key
from wattkeep.web.setups import qr_code, setups
from wattkeep.web.wording import POWER, TILES

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

WORST_FIRST = (Verdict.WRONG, Verdict.LOOK, Verdict.UNKNOWN, Verdict.GOOD)


@never_cache
@login_required
@require_safe
def device_list(request: HttpRequest) -> HttpResponse:
    """Show every device with its state, or how to add the first."""
    devices = devices_of(request)
    now = timezone.now()
    rows = list(zip(device_rows(devices, now), devices, strict=True))
    context = {"rows": rows, "now": now, "changed_sites": sites_to_change(request)}
    return render(request, "web/devices.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_add(request: HttpRequest) -> HttpResponse:
    """Make a device and lead to its key."""
    form = NewDeviceForm(request.POST or None, sites=sites_of(request, Role.EDITOR))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        device, key = create_device(request.user, fields.pop("name"), **fields)  # type: ignore[arg-type]  # login_required
        note(request, Subject.DEVICE, "added", on=device)
        hold_key(request, device, key)
        return redirect("web:device_key", device.pk)
    return render(request, "web/device_add.html", {"form": form})


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device_edit(request: HttpRequest, device_id: int) -> HttpResponse:
    """Change a device, or give it a new key."""
    device = device_or_404(request, device_id, Role.EDITOR)
    if request.method == "POST" and {"new_key", "end_old_keys"} & request.POST.keys():
        return change_key(request, device)
    before = words_of(device)
    form = DeviceForm(request.POST or None, instance=device)
    if request.method == "POST" and form.is_valid():
        change_device(device.pk, form.save)
        note(
            request, Subject.DEVICE, "changed", on=device, details=changes(before, words_of(device))
        )
        messages.success(request, _("%(name)s is saved.") % {"name": device.name})
        return redirect("web:device", device.pk)
    # The form writes what was typed into the instance, right or wrong; the title keeps the name.
    title = form.initial["name"]
    context = {
        "form": form,
        "device": device,
        "title": title,
        "key_form": KeyForm(),
        "old_keys": OldKey.objects.filter(device=device, good_until__gt=timezone.now()),
    }
    return render(request, "web/device_edit.html", context)


@never_cache
@login_required
@require_GET
def device_key(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show a new key, this once, with what to do with it, until the first reading arrives."""
    device = device_or_404(request, device_id, Role.EDITOR)
    now = timezone.now()
    key = take_key(request, device)
    address = post_address(request)
    context = {
        "device": device,
        "key": key,
        "qr_code": qr_code(key) if key else "",
        "setups": setups(address, key) if key else [],
        "post_address": address,
        "is_loopback": is_loopback(request),
        "since": iso(now),
        "has_reported": presence_of(device, now).latest is not None,
        "values": [POWER, *TILES],
    }
    return render(request, "web/device_key.html", context)


@never_cache
@login_required
@require_safe
def device_check(request: HttpRequest, device_id: int) -> HttpResponse:
    """Show whether a device is wired and set up right, by its last day."""
    device = device_or_404(request, device_id)
    may_change = may(principal_of(request), device, Role.EDITOR)
    checks = [check_words(check) for check in check_device(device, timezone.now())]
    worst = next((one for one in WORST_FIRST if any(c.verdict == one for c in checks)), "")
    context = {"device": device, "checks": checks, "worst": worst, "may_change": may_change}
    return render(request, "web/device_check.html", context)
