"""The form of a rule: what is watched, when it counts, when it is over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.alerts.rule_checks import alert_type_of, validate_rule
from wattkeep.monitoring.models import AlertRule, Device, Site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django_stubs_ext import StrOrPromise

SECONDS = {
    "s": 1,
    "sec": 1,
    "sek": 1,
    "min": 60,
    "m": 60,
    "h": 3_600,
    "std": 3_600,
    "d": 86_400,
    "day": 86_400,
    "days": 86_400,
    "tag": 86_400,
    "tage": 86_400,
}
PIECE = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-z]*)")
# What only Wattkeep's own rules may be about: there is one of each, made with the device.
NOT_CHOSEN = {AlertRule.Metric.COUNTER}
GROUPS = (
    (lazy("What is watched"), ("place", "name", "metric", "comparison", "threshold")),
    (lazy("When it counts"), ("hold_s", "only_above_w")),
    (lazy("When it is over"), ("recovery_threshold", "recovery_hold_s")),
    (lazy("How it is told"), ("severity", "quiet_from", "quiet_until", "is_enabled")),
)
WORDS: dict[str, tuple[StrOrPromise, StrOrPromise]] = {
    "name": (lazy("Name"), lazy("What messages call it, e.g. Kettle left on.")),
    "metric": (lazy("What is measured"), ""),
    "comparison": (lazy("Is"), ""),
    "threshold": (lazy("Limit"), lazy("Leave it empty for silence.")),
    "hold_s": (lazy("How long it has to last"), lazy("E.g. 30 s, 10 min or 3 h.")),
    "only_above_w": (
        lazy("Only with a load of at least (W)"),
        lazy("Leave it empty for always. A power factor says little while hardly anything runs."),
    ),
    "recovery_threshold": (
        lazy("Over when it is back at"),
        lazy("Empty: at the limit itself."),
    ),
    "recovery_hold_s": (lazy("And stays so for"), lazy("E.g. 10 min.")),
    "severity": (lazy("Severity"), lazy("Channels can ask for the upper ones only.")),
    "quiet_from": (lazy("Quiet from"), lazy("Messages wait until the quiet hours end.")),
    "quiet_until": (lazy("Quiet until"), ""),
    "is_enabled": (lazy("Watch this"), ""),
}


class DurationField(forms.CharField):
    """A time as people write it: 30 s, 10 min, 1 h 30 min; a bare number is seconds."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, int):
            return value
        parts = []
        for name in ("h", "min", "s"):
            count, value = divmod(value, SECONDS[name])
            parts += [f"{count} {name}"] if count else []
        return " ".join(parts) or "0 s"

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip().lower()
        if not text:
            return 0
        pieces = PIECE.findall(text)
        if PIECE.sub("", text).strip(" ,") or any(
            (unit or "s") not in SECONDS for _, unit in pieces
        ):
            raise ValidationError(_("Write a time such as 30 s, 10 min or 3 h."))
        amounts = [(float(number.replace(",", ".")), unit or "s") for number, unit in pieces]
        return round(sum(amount * SECONDS[unit] for amount, unit in amounts))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial)) != str(data)


class NumberField(forms.FloatField):
    """A number that is shown without a tail of noughts."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value:.12g}" if isinstance(value, float) else value


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A rule of one's own device or site."""

    place = forms.ChoiceField(label=lazy("Where"))
    threshold = NumberField(required=False)
    recovery_threshold = NumberField(required=False)
    only_above_w = NumberField(required=False)
    hold_s = DurationField(required=False)
    recovery_hold_s = DurationField(required=False)

    class Meta:
        model = AlertRule
        fields = tuple(name for _, names in GROUPS for name in names if name != "place")
        widgets: ClassVar = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(
        self, *args: Any, devices: Iterable[Device], sites: Iterable[Site], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._places: dict[str, Device | Site] = {
            **{f"device-{one.pk}": one for one in devices},
            **{f"site-{one.pk}": one for one in sites},
        }
        self.fields["place"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (
                key,
                _("Every device of %(name)s") % {"name": one.name}
                if key.startswith("site")
                else one.name,
            )
            for key, one in self._places.items()
        ]
        kept = self.instance.metric
        self.fields["metric"].choices = [  # type: ignore[attr-defined]
            (value, label)
            for value, label in AlertRule.Metric.choices
            if value not in NOT_CHOSEN or value == kept
        ]
        self.order_fields(["place"])
        for name, (label, help_text) in WORDS.items():
            self.fields[name].label, self.fields[name].help_text = label, help_text
        if self.instance.pk:
            self.initial["place"] = (
                f"device-{self.instance.device_id}"
                if self.instance.device_id
                else f"site-{self.instance.site_id}"
            )

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(str(title), [self[name] for name in names]) for title, names in GROUPS]

    def clean(self) -> dict[str, Any]:
        """Refuse what makes no sense, in the words that the API uses."""
        values = super().clean() or self.cleaned_data
        place = self._places.get(values.get("place", ""))
        complete = {
            **{name: values.get(name) for name in self.Meta.fields},
            "device": place if isinstance(place, Device) else None,
            "site": place if isinstance(place, Site) else None,
            "is_default": self.instance.is_default,
        }
        if complete["metric"] and complete["comparison"]:
            for field, errors in validate_rule(complete).items():
                named = "place" if field in {"device", "site"} else field
                if named not in self.errors:
                    self.add_error(named, errors)
        values["device"], values["site"] = complete["device"], complete["site"]
        return values

    def rule(self) -> AlertRule:
        """Return the rule a valid form describes, not saved."""
        values = self.cleaned_data
        rule: AlertRule = self.instance
        changed = set(self.changed_data)
        rule.device, rule.site = values["device"], values["site"]
        if not rule.pk or changed & {"metric", "comparison", "hold_s"}:
            rule.alert_type = alert_type_of(
                values["metric"], values["comparison"], values["hold_s"]
            )
        # Whoever only switches a rule off leaves its threshold to Wattkeep.
        if changed - {"is_enabled"}:
            rule.is_default = False
        return rule
