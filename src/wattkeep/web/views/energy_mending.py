"""Correcting a span that was chosen among the bars, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.access import devices_of, require
from wattkeep.api.audited import note_correction
from wattkeep.domain.calendar import QUARTER
from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.consumption import used_between
from wattkeep.ledger.corrections import CorrectionError, set_correction, undo_correction
from wattkeep.monitoring.models import Correction, Role
from wattkeep.web.energy_figures import owned_devices
from wattkeep.web.energy_forms import SpanCorrectionForm
from wattkeep.web.energy_words import kwh_text, span_text
from wattkeep.web.once import hold_correction
from wattkeep.web.views.energy_why import Asked, read_asked

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

QUARTER_MS = 900_000


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def energy_correct(request: HttpRequest) -> HttpResponse:
    """Take a correction of the span that the address names, then go back to the bars."""
    owned = owned_devices(request)
    if not owned:
        raise Http404
    now = timezone.now()
    asked = read_asked(request.GET, owned)
    scope, zone = asked.scope, asked.scope.site.zone
    end = _over(asked, now)
    initial = SpanCorrectionForm.initial_span(asked.start, end, zone)
    for one in scope.reporting:
        require(request, one, Role.EDITOR)
    form = SpanCorrectionForm(
        request.POST or None, initial=initial, zone=zone, devices=scope.reporting
    )
    back = _back(request, f"{reverse('web:energy')}")
    if request.method == "POST" and form.is_valid():
        device = next(one for one in scope.reporting if one.pk == form.cleaned_data["device"])
        user: User = request.user  # type: ignore[assignment]  # login_required
        try:
            correction = set_correction(device, form.wish(), user, now)
        except CorrectionError as error:
            form.add_error(None, str(error))
        else:
            note_correction(request, device, correction, "set")
            hold_correction(request, correction)
            return redirect(back)
    context = {
        "asked": asked,
        "form": form,
        "span": span_text(asked.start, end, zone),
        "counted": _counted(asked, end),
        "back": back,
    }
    return render(request, "web/energy_correct.html", context)


@never_cache
@login_required
@require_POST
def energy_undo(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Take a correction back and return to where that was asked: the figure is as before."""
    rows = Correction.objects.filter(device__in=devices_of(request))
    correction = get_object_or_404(rows.select_related("device__site"), pk=correction_id)
    require(request, correction.device, Role.EDITOR)
    user: User = request.user  # type: ignore[assignment]  # login_required
    undo_correction(correction, user, timezone.now())
    note_correction(request, correction.device, correction, "undone")
    messages.success(request, _("The correction is undone: the figure is what it was before."))
    return redirect(_back(request, reverse("web:energy")))


def _over(asked: Asked, now: datetime) -> datetime:
    """Return the span's end, or where it is not over yet the last quarter-hour before now."""
    last = from_ms(to_ms(now) // QUARTER_MS * QUARTER_MS)
    return min(asked.end, max(last, asked.start + QUARTER))


def _counted(asked: Asked, end: datetime) -> list[tuple[Any, str]]:
    """Return what each device has in the span now."""
    used = used_between(asked.scope.devices, [asked.start, end])
    return [(device, kwh_text(used[device.pk][0])) for device in asked.scope.reporting]


def _back(request: HttpRequest, otherwise: str) -> str:
    """Return the page of ours to go to afterwards."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure()):
        return address
    return otherwise
