"""Choosing the language of pages and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST

from wattkeep.monitoring.languages import choose_language

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep what somebody chose, with the account and in this browser; "" is the browser's own."""
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, request.get_host())
    response = redirect(address if is_ours else "web:home")
    language = request.POST.get("language", "")
    if language and not (language in dict(settings.LANGUAGES) and check_for_language(language)):
        return response
    if request.user.is_authenticated:
        choose_language(request.user.pk, language)
    if language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            samesite="Lax",
        )
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response
