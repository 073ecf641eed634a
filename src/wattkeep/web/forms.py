"""The pages' forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import UserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from wattkeep.domain.calendar import is_time_zone
from wattkeep.monitoring import accounts
from wattkeep.monitoring.devices import possible_parents
from wattkeep.monitoring.models import Device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from django_stubs_ext import StrOrPromise

    from wattkeep.monitoring.models import Site

    # A field → its label and its help.
    Words = Mapping[str, tuple[StrOrPromise, StrOrPromise]]

DEVICE_WORDS: Words = {
    "name": (_("Name"), _("What it measures, e.g. Main meter.")),
    "location": (_("Location"), _("Where it hangs, e.g. Cellar. You may leave it empty.")),
    "interval_s": (
        _("Interval in seconds"),
        _("How often it reports. A board with Wattkeep's firmware: 10."),
    ),
    "range_w": (
        _("Meter range in watts"),
        _("The most its meter can measure: 23000, or 2300 for the 10 A type."),
    ),
    "parent": (
        _("Behind"),
        _("The device behind whose meter this one sits, if it is a sub-meter."),
    ),
    "has_counter": (
        _("It counts energy itself"),
        _(
            "Switch it off for a sensor that measures only power: energy is then worked out from"
            " that."
        ),
    ),
    "is_active": (_("Accept readings from this device"), ""),
    "signed_only": (
        _("Signed readings only"),
        _("Refuse posts that show the key itself. On plain HTTP it can be overheard."),
    ),
}


def time_zone_input() -> forms.TextInput:
    """Return a field that suggests the zones the page lists."""
    return forms.TextInput(
        attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}
    )


class RegistrationForm(UserCreationForm):  # type: ignore[type-arg]
    """A new account, its home's time zone and its first device.

    `needs_code` asks for the one-time code from the terminal as well, `asks_email` for an address.
    An address that must be confirmed is needed, and a device is made after that.
    """

    time_zone = forms.CharField(
        label=_("Time zone"),
        required=False,
        widget=time_zone_input(),
        help_text=_("Days and hours are counted in it. You can change it later."),
    )
    device_name = forms.CharField(
        label=_("First device"),
        max_length=100,
        initial=_("Main meter"),
        help_text=_("What it measures."),
    )
    email = forms.EmailField(
        label=_("E-mail address"),
        required=False,
        help_text=_("For a lost password. You may leave it empty."),
    )
    code = forms.CharField(
        label=_("One-time code"),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
        ),
        help_text=_("It is printed in the terminal that Wattkeep runs in."),
    )

    class Meta:
        model = get_user_model()
        fields = ("username",)

    def __init__(
        self,
        *args: Any,
        needs_code: bool,
        asks_email: bool = False,
        must_confirm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = ""
        if not asks_email:
            del self.fields["email"]
        if must_confirm:
            self.fields["email"].required = True
            self.fields["email"].help_text = _("You get a link there that opens your account.")
            del self.fields["device_name"]
        if needs_code:
            self.order_fields(["code"])
            self.fields["username"].widget.attrs.pop("autofocus", None)
            self.fields["code"].widget.attrs["autofocus"] = True
        else:
            del self.fields["code"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not accounts.is_setup_code(code):
            raise ValidationError(_("This is not the code. Look at the terminal of Wattkeep."))
        return code

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        if name and not is_time_zone(name):
            raise ValidationError(_("Choose one from the list, e.g. Europe/Paris."))
        return name


class NewDeviceForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a device needs before it can report."""

    class Meta:
        model = Device
        fields: tuple[str, ...] = ("name", "location", "interval_s")

    def __init__(self, *args: Any, sites: QuerySet[Site] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        describe(self, DEVICE_WORDS)
        if sites is not None and sites.count() > 1:
            self.fields["site"] = forms.ModelChoiceField(
                sites, label=_("Site"), empty_label=None, initial=sites.first()
            )


class DeviceForm(NewDeviceForm):
    """What can be changed about a device."""

    class Meta(NewDeviceForm.Meta):
        fields = (
            "name",
            "location",
            "interval_s",
            "range_w",
            "parent",
            "has_counter",
            "is_active",
            "signed_only",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parents: Any = self.fields["parent"]
        parents.queryset = possible_parents(self.instance)
        parents.empty_label = _("No other device")
        if not parents.queryset.exists():
            del self.fields["parent"]


def describe(form: forms.BaseForm, words: Words) -> None:
    """Give the fields that are there their labels and help."""
    for name, (label, help_text) in words.items():
        if name in form.fields:
            form.fields[name].label = label
            form.fields[name].help_text = help_text


def make_account(form: RegistrationForm, *, is_admin: bool) -> User:
    """Make the account a valid form describes."""
    return accounts.create_account(
        form.cleaned_data["username"],
        form.cleaned_data["password1"],
        time_zone=form.cleaned_data["time_zone"],
        is_admin=is_admin,
    )
