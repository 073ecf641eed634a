"""Logging in, making an account, changing a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.db import transaction
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from wattkeep.domain.calendar import time_zone_names
from wattkeep.monitoring import accounts
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import KeyChange
from wattkeep.web.forms import RegistrationForm, make_account
from wattkeep.web.once import hold_key

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from wattkeep.monitoring.models import Device


class Login(LoginView):
    """The login page; it leads to the first account's page while there is none."""

    template_name = "web/login.html"
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if accounts.awaits_first_account():
            return redirect("web:register")
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_open = accounts.registration_is_open()
        return super().get_context_data(registration_is_open=is_open, **kwargs)


class PasswordChange(PasswordChangeView):
    """The page that changes one's own password."""

    template_name = "web/password.html"
    success_url = reverse_lazy("web:settings")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password is changed."))
        return super().form_valid(form)


@never_cache
@sensitive_post_parameters("password1", "password2", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponseBase:
    """Make an account: the first with the code from the terminal, others where that is allowed."""
    if request.user.is_authenticated:
        return redirect("web:home")
    is_first = accounts.awaits_first_account()
    if not is_first and not accounts.registration_is_open():
        return render(request, "web/register_closed.html", status=403)
    if is_first:
        accounts.setup_code()
    form = RegistrationForm(request.POST or None, needs_code=is_first)
    if request.method == "POST" and form.is_valid():
        made = _make_first_account(form) if is_first else _make_account(form)
        if made is None:
            return render(request, "web/register_closed.html", status=403)
        user, device, key = made
        login(request, user)
        hold_key(request, device, key)
        return redirect("web:device_key", device.pk)
    context = {"form": form, "is_first": is_first, "time_zones": time_zone_names()}
    return render(request, "web/register.html", context)


def _make_account(form: RegistrationForm, *, is_admin: bool = False) -> tuple[User, Device, str]:
    with transaction.atomic():
        user = make_account(form, is_admin=is_admin)
        device, key = create_device(user, form.cleaned_data["device_name"])
    return user, device, key


def _make_first_account(form: RegistrationForm) -> tuple[User, Device, str] | None:
    """Make the administrator; None if somebody else was faster."""
    with transaction.atomic():
        # Locks a row until the commit: of two first accounts at once, the second waits here and
        # then sees the first.
        KeyChange.note()
        if not accounts.awaits_first_account():
            return None
        made = _make_account(form, is_admin=True)
    accounts.forget_setup_code()
    return made
