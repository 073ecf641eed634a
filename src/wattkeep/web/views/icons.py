"""The icon, for pages that are not ours to name it in: the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from wattkeep.web.templatetags.wattkeep import asset

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Lead to the icon that browsers ask for by themselves."""
    return redirect(asset("favicon.svg"))
