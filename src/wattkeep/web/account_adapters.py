"""What allauth asks of us: throttles, mail, and secrets that are stored encrypted."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_noop as noop

from wattkeep.arrival import client_address
from wattkeep.monitoring.audit import Subject, note
from wattkeep.monitoring.audit_words import Told
from wattkeep.monitoring.secrets import decrypt, encrypt
from wattkeep.monitoring.sessions import row_key
from wattkeep.monitoring.throttles import MAILS_BY_RECIPIENT
from wattkeep.web.throttling import PasswordAttempt

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.core.mail import EmailMessage
    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)
MOST_LETTERS = 200
# Said by the page itself, or by what comes after it.
UNSAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})
# What the log calls what allauth's mails tell of, where their names are for programmers.
DEEDS_BY_MAIL = {
    "totp_activated": "authenticator app set up",
    "totp_deactivated": "authenticator app removed",
    "webauthn_added": "passkey added",
    "webauthn_removed": "passkey removed",
    "recovery_codes_generated": "recovery codes made",
}
# One thread: how long a mail server takes tells nobody whether there is an account.
_post_office = ThreadPoolExecutor(1, "wattkeep-mail")


def user_name(user: User) -> str:
    """Return how a person is called on pages and in mail."""
    return user.get_username()


class AccountAdapter(DefaultAccountAdapter):
    """allauth's accounts, in our installation."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Say no: `views/accounts.py` makes accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 - the column wants an address

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Do nothing: `authenticate` counts."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return whose password it is; None if it is wrong.

        Raises:
            ImmediateHttpResponse: too many were wrong before.
        """
        attempt = PasswordAttempt(request, credentials.get("username") or "")
        attempt.begin()
        user: User | None = super().authenticate(request, **credentials)  # type: ignore[assignment]
        if user is None:
            return None
        attempt.was_right()
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write down that a password was wrong, for whom it was tried on; never what was typed."""
        typed = credentials.get("username") or ""
        # Asked for, and written, whether there is such an account or not: both take as long.
        account = get_user_model().objects.filter(username__iexact=typed[:150]).first()
        told = "" if account else Told(noop("No such account"))
        note(request, Subject.LOGIN, "failed", on=account, details=told)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        note(request, Subject.LOGIN, "logged in", on=user)
        with transaction.atomic():
            response: HttpResponse = super().post_login(request, user, **kwargs)
            list_session(request)
        return response

    def send_notification_mail(
        self, template_prefix: str, user: Any, *args: Any, **kw: Any
    ) -> None:
        """Write down, and mail where mail is set up, what was changed about an account."""
        name = template_prefix.rpartition("/")[2]
        deed = DEEDS_BY_MAIL.get(name, name.replace("_", " "))
        note(allauth_context.request, Subject.ACCOUNT, deed, on=user)
        super().send_notification_mail(template_prefix, user, *args, **kw)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Ask who registered to confirm their address first."""
        if settings.MAIL_IS_SET_UP and (address := unconfirmed_address(user)):
            address.send_confirmation(request)
            return redirect("account_email_verification_sent")
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        is_done = bool(super().confirm_email(request, email_address))
        if is_done and email_address.primary:
            get_user_model().objects.filter(pk=email_address.user_id).update(
                email=email_address.email
            )
        return is_done

    def add_message(
        self, request: HttpRequest, level: int, message_template: Any = None, *args: Any, **kw: Any
    ) -> None:
        if message_template not in UNSAID:
            super().add_message(request, level, message_template, *args, **kw)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail on another thread: nobody waits, nobody learns by waiting.

        Nobody is sent more than a few an hour, whoever asks for them.
        """
        if MAILS_BY_RECIPIENT.take(email.lower()):
            logger.warning("a mail about an account was not sent: too many to one address")
            return
        request = allauth_context.request
        told = {"request": request, "email": email, "current_site": get_current_site(request)}
        _post_office.submit(_send, self.render_mail(template_prefix, email, {**told, **context}))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return public(request, reverse("account_confirm_email", args=[emailconfirmation.key]))

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, secret = key.partition("-")
        path = reverse("account_reset_password_from_key", args=[uid, secret])
        return public(self.request, path)


class SecondFactorAdapter(DefaultMFAAdapter):
    """allauth's second factors: their secrets are encrypted under the installation's own."""

    def encrypt(self, text: str) -> str:
        return encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode()).decode()


def list_session(request: HttpRequest) -> None:
    """Put this session on the list of where its user is logged in, under its row's name."""
    if not request.session.session_key:
        request.session.save()
    name = request.session.session_key or ""
    # allauth lists what a cookie holds; a stolen database must not hold that.
    UserSession.objects.filter(session_key=name).delete()
    UserSession.objects.update_or_create(
        session_key=row_key(name),
        defaults={
            "user": request.user,
            "ip": AccountAdapter(request).get_client_ip(request),
            "user_agent": request.headers.get("User-Agent", "")[:MOST_LETTERS],
        },
    )


def unconfirmed_address(user: User) -> EmailAddress | None:
    """Return the address a person registered with and has not confirmed.

    One that is added later is not primary before it is confirmed, and stops nobody.
    """
    unconfirmed: EmailAddress | None = EmailAddress.objects.filter(
        user_id=user.pk, primary=True, verified=False
    ).first()
    return unconfirmed


def public(request: HttpRequest, path: str) -> str:
    """Return a full address for a mail: by the setting, not by what a request claims."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    return request.build_absolute_uri(path)


def _send(mail: EmailMessage) -> None:
    try:
        mail.send()
    except OSError as error:  # every fault of smtplib is one
        logger.error("a mail about an account could not be sent: %s", error)  # noqa: TRY400 - the message is the fault
