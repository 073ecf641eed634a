"""Forms of logging in, and of what people make for their account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.utils.translation import gettext_lazy as _

from wattkeep.monitoring.models import AccessToken
from wattkeep.monitoring.throttles import SECOND_FACTORS
from wattkeep.web.throttling import stop_if_too_many

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TOKEN_DAYS = (
    (30, _("30 days")),
    (90, _("90 days")),
    (365, _("1 year")),
    (3650, _("10 years")),
)
INVITATION_DAYS = ((1, _("1 day")), (7, _("7 days")), (30, _("30 days")))


class LoginForm(AllauthLoginForm):
    """User name and password; the name's field is called as it always was."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].label = _("Username")
        self.fields["login"].widget.attrs.update(autofocus=True, autocapitalize="none")
        self.fields["password"].help_text = ""

    def add_prefix(self, field_name: str) -> str:
        return "username" if field_name == "login" else str(super().add_prefix(field_name))


class _Counted:
    user: User

    def clean_code(self) -> str:
        stop_if_too_many(context.request, SECOND_FACTORS, str(self.user.pk))
        code: str = super().clean_code()  # type: ignore[misc]  # of the form beside it
        SECOND_FACTORS.give_back(str(self.user.pk))
        return code


class SecondFactorForm(_Counted, AuthenticateForm):
    """The second factor's code at a log-in; guesses are counted."""


class SecondFactorAgainForm(_Counted, ReauthenticateForm):
    """The second factor's code before something important; guesses are counted."""


class TokenForm(forms.Form):
    """A new personal access token."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What uses it, e.g. Home Assistant.")
    )
    scope = forms.ChoiceField(
        label=_("It may"),
        choices=[
            (AccessToken.Scope.READ, _("Read")),
            (AccessToken.Scope.WRITE, _("Read and change")),
            (AccessToken.Scope.ADMIN, _("Everything, also keys, members and deletion")),
        ],
    )
    days = forms.TypedChoiceField(
        label=_("It is good for"), choices=TOKEN_DAYS, coerce=int, initial=365
    )


class InvitationForm(forms.Form):
    """A link by which somebody may make an account."""

    email = forms.EmailField(
        label=_("E-mail address"),
        required=False,
        help_text=_("You may leave it empty and hand the link over yourself."),
    )
    days = forms.TypedChoiceField(
        label=_("It is good for"), choices=INVITATION_DAYS, coerce=int, initial=7
    )
