"""The forms of channels: one for each way to reach people, without Apprise's own notation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.alerts import notify_channels as channels
from wattkeep.monitoring.models import NotificationChannel, ReportSchedule, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django_stubs_ext import StrOrPromise

    from wattkeep.monitoring.models import Site

MOST_A_DAY = 100
SECRET = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


def secret_field(
    label: StrOrPromise, help_text: StrOrPromise = "", *, required: bool = True
) -> forms.CharField:
    """Return a field for what nobody should read over a shoulder."""
    widget = forms.PasswordInput(attrs={**SECRET, "autocomplete": "new-password"})
    return forms.CharField(label=label, help_text=help_text, required=required, widget=widget)


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """What every channel has."""

    name = forms.CharField(label=lazy("Name"), max_length=100)
    minimum_severity = forms.TypedChoiceField(
        label=lazy("Tell me of"),
        coerce=int,
        choices=(
            (Severity.INFO, lazy("Everything")),
            (Severity.WARNING, lazy("Warnings and urgent ones")),
            (Severity.CRITICAL, lazy("Urgent ones only")),
        ),
    )
    daily_cap = forms.IntegerField(
        label=lazy("Messages a day at most"),
        min_value=1,
        max_value=MOST_A_DAY,
        help_text=lazy("The last one says that more is held back. Urgent ones always come."),
    )
    sites = forms.ModelMultipleChoiceField(
        queryset=NotificationChannel.objects.none(),
        required=False,
        label=lazy("Sites"),
        widget=forms.CheckboxSelectMultiple,
        help_text=lazy("None chosen: all of them."),
    )
    reports = forms.MultipleChoiceField(
        choices=(
            (ReportSchedule.Period.WEEK, lazy("Weekly")),
            (ReportSchedule.Period.MONTH, lazy("Monthly")),
        ),
        required=False,
        label=lazy("Reports"),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = NotificationChannel
        fields = ("name", "minimum_severity", "daily_cap", "sites", "is_enabled")

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: forms.ModelMultipleChoiceField = self.fields["sites"]  # type: ignore[assignment,type-arg]
        own.queryset = sites
        if sites.count() < 2:  # noqa: PLR2004 - nothing to choose
            del self.fields["sites"]
        self.fields["is_enabled"].label = _("Switched on")
        if self.instance.pk:
            self.initial["reports"] = [one.period for one in self.instance.reports.all()]
        else:
            del self.fields["is_enabled"]
        if self.instance.kind == NotificationChannel.Kind.BROWSER:
            del self.fields["reports"]


class AddressedForm(ChannelForm):
    """A channel with an address made of its own fields."""

    first: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["name", *self.first])

    def make_address(self) -> str:
        """Return the address that the fields make."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                channels.set_address(self.instance, self.make_address())
            except channels.AddressRefusedError as error:
                self.add_error(self.first[0], str(error))
        return values


class MailForm(AddressedForm):
    """E-mail through a server that takes it."""

    first = ("recipient", "sender", "server", "port", "security", "user", "password")
    recipient = forms.EmailField(label=lazy("Recipient"))
    sender = forms.EmailField(
        label=lazy("Sender"), help_text=lazy("Most servers want the account's own.")
    )
    server = forms.CharField(
        label=lazy("Outgoing server"), max_length=200, help_text=lazy("E.g. smtp.example.org.")
    )
    port = forms.IntegerField(
        label=lazy("Port"),
        required=False,
        min_value=1,
        max_value=65_535,
        help_text=lazy("Empty: the usual."),
    )
    security = forms.ChoiceField(
        label=lazy("Security"),
        choices=(
            ("starttls", "STARTTLS"),
            ("ssl", lazy("TLS from the start")),
            ("insecure", lazy("None")),
        ),
    )
    user = forms.CharField(label=lazy("User"), required=False, widget=forms.TextInput(attrs=SECRET))
    password = secret_field(
        lazy("Password"), lazy("Many providers give a password for programs only."), required=False
    )

    def clean_server(self) -> str:
        return _host(self.cleaned_data["server"])

    def make_address(self) -> str:
        return channels.mail_address(self.cleaned_data)


class TelegramForm(AddressedForm):
    """A Telegram chat, by a bot."""

    first = ("token", "chat")
    token = secret_field(lazy("Bot token"), lazy("BotFather gives it to you: 123456789:AbC…"))
    chat = forms.CharField(
        label=lazy("Chat"),
        max_length=100,
        help_text=lazy("The number of the chat that the bot writes to."),
    )

    def make_address(self) -> str:
        return channels.telegram_address(self.cleaned_data)


class NtfyForm(AddressedForm):
    """An ntfy topic."""

    first = ("topic", "server", "token")
    topic = forms.CharField(
        label=lazy("Topic"),
        max_length=100,
        help_text=lazy("Whoever knows it can read along: choose one that nobody guesses."),
        widget=forms.TextInput(attrs=SECRET),
    )
    server = forms.CharField(label=lazy("Server"), max_length=200, initial="https://ntfy.sh")
    token = secret_field(
        lazy("Access token"), lazy("Only where the topic is protected."), required=False
    )

    def clean_server(self) -> str:
        return _web_address(self.cleaned_data["server"])

    def make_address(self) -> str:
        return channels.ntfy_address(self.cleaned_data)


class WebhookForm(AddressedForm):
    """A web address that takes JSON."""

    first = ("address",)
    address = forms.CharField(
        label=lazy("Address"),
        max_length=1_500,
        help_text=lazy("It gets title and message as JSON by POST."),
    )

    def clean_address(self) -> str:
        return _web_address(self.cleaned_data["address"])

    def make_address(self) -> str:
        return channels.webhook_address(self.cleaned_data)


class AppriseForm(AddressedForm):
    """Any other service that Apprise knows."""

    first = ("url",)
    url = forms.CharField(
        label=lazy("Apprise address"),
        max_length=channels.LONGEST_URL,
        help_text=lazy(
            "E.g. discord://…, gotify://…, matrixs://…: Apprise's documentation lists them."
        ),
        widget=forms.TextInput(attrs=SECRET),
    )

    def make_address(self) -> str:
        url: str = self.cleaned_data["url"]
        return url


class Way(NamedTuple):
    """A way to reach people, as the page offers it."""

    title: StrOrPromise
    text: StrOrPromise
    form: Callable[..., ChannelForm]
    name: StrOrPromise


WAYS = {
    "email": Way(
        lazy("E-mail"), lazy("Through your mail provider's server."), MailForm, lazy("E-mail")
    ),
    "telegram": Way(
        lazy("Telegram"), lazy("A bot of yours writes to a chat."), TelegramForm, lazy("Telegram")
    ),
    "ntfy": Way("ntfy", lazy("A topic on ntfy.sh or a server of yours."), NtfyForm, "ntfy"),
    "webhook": Way(
        lazy("Webhook"), lazy("JSON to an address of yours."), WebhookForm, lazy("Webhook")
    ),
    "other": Way(
        lazy("Something else"), lazy("A hundred more, by an Apprise address."), AppriseForm, ""
    ),
    "browser": Way(
        lazy("This browser"),
        lazy("While a page of Wattkeep is open."),
        ChannelForm,
        lazy("Browser"),
    ),
}


def _host(text: str) -> str:
    host = text.strip()
    if not host or any(sign in host for sign in "/@?#: "):
        raise ValidationError(_("Write the server's name alone, e.g. smtp.example.org."))
    return host


def _web_address(text: str) -> str:
    address = text.strip().rstrip("/") if text.strip().count("/") <= 3 else text.strip()  # noqa: PLR2004 - https://host/
    parts = urlsplit(address)
    if parts.scheme not in channels.WEB_SCHEMES or not parts.hostname:
        raise ValidationError(_("Write an address that begins with https:// or http://."))
    return address
