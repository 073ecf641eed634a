"""Viewer links of a site: making, showing once, revoking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from wattkeep.api.access import devices_of, site_or_404
from wattkeep.api.audited import note_link
from wattkeep.monitoring.models import Role
from wattkeep.monitoring.sharing import TooManyError, make_link
from wattkeep.web.account_adapters import public
from wattkeep.web.once import hold_secret, take_secret
from wattkeep.web.sharing_forms import LinkForm

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

LINK_NAME = "new_viewer_link"


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def site_links(request: HttpRequest, site_id: int) -> HttpResponse:
    """Show a site's viewer links; make one, and show it this once."""
    site = site_or_404(request, site_id, Role.OWNER)
    devices = devices_of(request).filter(site=site)
    initial = {"device": request.GET.get("device", "")}
    form = LinkForm(request.POST or None, devices=devices, initial=initial)
    if request.method == "POST" and form.is_valid():
        user: User = request.user  # type: ignore[assignment]  # login_required
        wanted: dict[str, Any] = form.cleaned_data
        try:
            link, token = make_link(
                site, form.chosen, user, days=wanted["days"], name=wanted["name"]
            )
        except TooManyError as error:
            form.add_error(None, str(error))
        else:
            note_link(request, link, "made")
            hold_secret(request, LINK_NAME, public(request, reverse("web:shared", args=[token])))
            return redirect("web:site_links", site.pk)
    context = {
        "site": site,
        "form": form,
        "links": site.viewer_links.select_related("device"),
        "now": timezone.now(),
        "new_link": take_secret(request, LINK_NAME) if request.method == "GET" else "",
    }
    return render(request, "web/sharing/links.html", context)


@login_required
@require_POST
def link_revoke(request: HttpRequest, site_id: int, link_id: int) -> HttpResponse:
    """End a link now."""
    site = site_or_404(request, site_id, Role.OWNER)
    link = get_object_or_404(site.viewer_links.select_related("device"), pk=link_id)
    link.delete()
    note_link(request, link, "revoked")
    messages.success(request, _("The link is revoked: it opens nothing any more."))
    return redirect("web:site_links", site.pk)
