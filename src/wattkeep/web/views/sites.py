"""The home's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from wattkeep.domain.calendar import time_zone_names
from wattkeep.monitoring.accounts import create_home
from wattkeep.monitoring.models import Site
from wattkeep.web.forms import SiteForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Change the home's name, time zone and currency."""
    site = Site.objects.filter(owner=request.user).order_by("id").first()  # type: ignore[misc]  # login_required
    if site is None:
        site = create_home(request.user)  # type: ignore[arg-type]  # login_required
    form = SiteForm(request.POST or None, instance=site)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Settings are saved.")
        return redirect("web:settings")
    return render(request, "web/settings.html", {"form": form, "time_zones": time_zone_names()})
