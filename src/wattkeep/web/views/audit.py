"""The audit log as a page: who changed what, for owners and administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wattkeep.monitoring.access import principal_of, sees_all
from wattkeep.monitoring.audit import entries_for, filter_entries
from wattkeep.web.sharing_forms import AuditForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

ROWS_SHOWN = 100


@never_cache
@login_required
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """Show the newest lines that whoever asks may read, and older ones page by page."""
    form = AuditForm(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    wanted = {name: value for name, value in wanted.items() if value}
    before = request.GET.get("before", "")
    rows = filter_entries(entries_for(principal_of(request)), wanted)
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before[:18]))
    found = list(rows.order_by("-pk")[: ROWS_SHOWN + 1])
    shown = found[:ROWS_SHOWN]
    context = {
        "form": form,
        "rows": shown,
        "query": urlencode(wanted),
        "older": shown[-1].pk if len(found) > ROWS_SHOWN else None,
        "is_all": sees_all(request),
    }
    return render(request, "web/sharing/audit.html", context)
