"""Logging in, making an account, changing a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from allauth.account.views import LoginView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from wattkeep.arrival import client_address
from wattkeep.domain.calendar import time_zone_names
from wattkeep.monitoring import accounts
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.invitations import find_invitation, use_up
from wattkeep.monitoring.models import KeyChange
from wattkeep.monitoring.throttles import CODES_BY_ADDRESS, REGISTRATIONS_BY_ADDRESS, group_of
from wattkeep.web.account_adapters import list_session
from wattkeep.web.addresses import can_use_passkeys
from wattkeep.web.forms import RegistrationForm, make_account
from wattkeep.web.once import hold_key
from wattkeep.web.throttling import PasswordAttempt, stop_if_too_many

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    from wattkeep.monitoring.models import AccountInvitation, Device

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class Login(LoginView):
    """The login page; it leads to the first account's page while there is none."""

    template_name = "web/login.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if accounts.awaits_first_account():
            return redirect("web:register")
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "registration_is_open": accounts.registration_is_open(),
            "can_reset": settings.MAIL_IS_SET_UP,
            "can_use_passkeys": can_use_passkeys(self.request),
        }


class PasswordChange(PasswordChangeView):
    """The page that changes one's own password."""

    template_name = "web/password.html"
    success_url = reverse_lazy("web:security")

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Change it; guesses at the old one are counted like those of strangers."""
        attempt = PasswordAttempt(request, request.user.get_username())
        attempt.begin()
        form = self.get_form()
        is_valid = form.is_valid()
        if "old_password" not in form.errors:
            attempt.was_right()
        return self.form_valid(form) if is_valid else self.form_invalid(form)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        # This session has a new name now; every other one is over.
        list_session(self.request)
        note(self.request, Subject.ACCOUNT, "password changed")
        messages.success(
            self.request, _("Your password is changed. You are logged out everywhere else.")
        )
        return response


@never_cache
@sensitive_post_parameters("password1", "password2", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest, token: str = "") -> HttpResponseBase:
    """Make an account: the first with the code from the terminal, others where that is allowed."""
    if request.user.is_authenticated:
        return redirect("web:home")
    is_first = accounts.awaits_first_account()
    invitation = _invitation_of(request, token)
    is_open = accounts.registration_is_open()
    if not (is_first or invitation or is_open):
        return render(request, "web/register_closed.html", status=403)
    if is_first:
        accounts.setup_code()
    must_confirm = settings.MAIL_IS_SET_UP and not is_first and invitation is None
    form = RegistrationForm(
        request.POST or None,
        needs_code=is_first,
        asks_email=settings.MAIL_IS_SET_UP,
        must_confirm=must_confirm,
        initial={"email": invitation.email} if invitation else None,
    )
    if request.method == "POST" and _is_valid(request, form, is_first=is_first):
        if is_open:
            address = group_of(client_address(request))
            stop_if_too_many(request, REGISTRATIONS_BY_ADDRESS, address)
        if must_confirm:
            return _begin_to_confirm(request, form)
        made = _make_first_account(form) if is_first else _make_account(form, invitation)
        if made is None:
            return render(request, "web/register_closed.html", status=403)
        return _welcome(request, form, made, invitation)
    context = {"form": form, "is_first": is_first, "time_zones": time_zone_names()}
    return render(request, "web/register.html", context)


def _invitation_of(request: HttpRequest, token: str) -> AccountInvitation | None:
    """Return the invitation a link names; guesses at one are counted."""
    if not token:
        return None
    invitation = find_invitation(token)
    if invitation is None:
        stop_if_too_many(request, CODES_BY_ADDRESS, group_of(client_address(request)))
    return invitation


def _is_valid(request: HttpRequest, form: RegistrationForm, *, is_first: bool) -> bool:
    """Tell whether what was typed is right; guesses at the first account's code are counted."""
    address = group_of(client_address(request))
    if is_first:
        stop_if_too_many(request, CODES_BY_ADDRESS, address)
    is_valid = form.is_valid()
    if is_first and "code" not in form.errors:
        CODES_BY_ADDRESS.give_back(address)
    return is_valid


def _make_account(
    form: RegistrationForm, invitation: AccountInvitation | None = None, *, is_admin: bool = False
) -> tuple[User, Device, str] | None:
    """Make an account with its first device; None if its invitation was used meanwhile."""
    with transaction.atomic():
        user = make_account(form, is_admin=is_admin)
        if invitation is not None and not use_up(invitation, user):
            transaction.set_rollback(True)
            return None
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


def _welcome(
    request: HttpRequest,
    form: RegistrationForm,
    made: tuple[User, Device, str],
    invitation: AccountInvitation | None,
) -> HttpResponse:
    """Log a new person in and lead to their device's key."""
    user, device, key = made
    login(request, user, backend=BACKEND)
    list_session(request)
    note(request, Subject.ACCOUNT, "made", on=user)
    if email := form.cleaned_data.get("email", ""):
        # Not primary: whoever mistyped it can still log in.
        address = EmailAddress(user=user, email=email)
        was_mailed = invitation is not None and invitation.email.lower() == email
        if was_mailed and address.set_verified(commit=False):
            address.set_as_primary()
        else:
            address.save()
            address.send_confirmation(request)
    hold_key(request, device, key)
    return redirect("web:device_key", device.pk)


def _begin_to_confirm(request: HttpRequest, form: RegistrationForm) -> HttpResponse:
    """Make an account that nobody gets into before its address is confirmed.

    The answer is the same if somebody else has confirmed that address: they own it, and the link
    in the mail says so.
    """
    user = make_account(form, is_admin=False)
    address = EmailAddress.objects.create(user=user, email=form.cleaned_data["email"], primary=True)
    note(request, Subject.ACCOUNT, "made", on=user)
    address.send_confirmation(request, signup=True)
    return redirect("account_email_verification_sent")
