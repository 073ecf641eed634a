"""The page of ordered files: order one, see how far it is, fetch or delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.access import devices_of, sites_of
from wattkeep.api.spans import EARLIEST
from wattkeep.history.exports import OrderRefusedError, delete_export, exports_of, order
from wattkeep.monitoring.access import principal_of
from wattkeep.web.export_forms import ExportForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: HttpRequest) -> HttpResponse:
    """Show one's files; order another."""
    devices = list(devices_of(request).order_by("name", "pk"))
    form = ExportForm(
        request.POST or None,
        initial={"source": f"device-{request.GET.get('device', '')}"},
        devices=devices,
        sites=list(sites_of(request)),
    )
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        try:
            order(principal_of(request), form.wish(now), now)
        except OrderRefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The file is being prepared."))
            return redirect("web:exports")
    context = {
        "form": form,
        "exports": exports_of(principal_of(request)),
        "has_devices": bool(devices),
        "earliest": EARLIEST,
        "kept_days": round(settings.EXPORT_KEPT_DAYS),
    }
    return render(request, "web/exports.html", context)


@never_cache
@login_required
@require_POST
def export_delete(request: HttpRequest, export_id: int) -> HttpResponse:
    """Delete one of one's files, ready or not."""
    if not delete_export(principal_of(request), export_id):
        raise Http404
    messages.success(request, _("The file is deleted."))
    return redirect("web:exports")
