"""The icon for pages that are not ours to name it in, and what makes Wattkeep an app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from wattkeep.web.templatetags.wattkeep import asset

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAPER, INK = "#faf8f5", "#1c1917"
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Lead to the icon that browsers ask for by themselves."""
    return redirect(asset("favicon.svg"))


@require_safe
def manifest(_request: HttpRequest) -> HttpResponse:
    """Return what a browser needs to put Wattkeep onto a home screen.

    There is no service worker: a figure kept from yesterday would look like one of now.
    """
    body = {
        "name": "Wattkeep",
        "short_name": "Wattkeep",
        "description": _("What your electricity does, now and since the beginning."),
        "id": reverse("web:home"),
        "start_url": reverse("web:home"),
        "scope": reverse("web:home"),
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": INK,
        "icons": [
            {"src": asset(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in ICONS
        ],
    }
    return JsonResponse(body, content_type="application/manifest+json")
