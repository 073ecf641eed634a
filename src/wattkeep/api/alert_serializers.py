"""Shapes of incidents and rules in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from wattkeep.alerts.rule_checks import alert_type_of, validate_rule
from wattkeep.api.serializers import AlertSerializer, OwnDeviceField, OwnSiteField
from wattkeep.monitoring.models import AlertRule, AlertType, Severity

MOST_SNOOZE_H = 24 * 31
OWN_COLUMNS = (
    "device",
    "site",
    "name",
    "metric",
    "comparison",
    "threshold",
    "hold_s",
    "recovery_threshold",
    "recovery_hold_s",
    "only_above_w",
    "severity",
    "quiet_from",
    "quiet_until",
    "is_enabled",
)


class RuleSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """A rule of a device, or of every device of a site."""

    device = OwnDeviceField(required=False, allow_null=True)
    site = OwnSiteField(required=False, allow_null=True)
    severity = serializers.ChoiceField(Severity.choices, default=Severity.WARNING)

    class Meta:
        model = AlertRule
        fields = ("id", "alert_type", *OWN_COLUMNS, "is_default", "created_at")
        read_only_fields = ("alert_type", "is_default", "created_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what makes no sense, in words."""
        values = {name: self._value(name, attrs) for name in OWN_COLUMNS}
        values["is_default"] = self.instance is not None and self.instance.is_default
        errors = validate_rule(values)
        if errors:
            raise serializers.ValidationError(errors)
        known = self.instance
        is_same = known is not None and (known.metric, known.comparison) == (
            values["metric"],
            values["comparison"],
        )
        if not is_same:
            attrs["alert_type"] = alert_type_of(
                values["metric"], values["comparison"], values["hold_s"]
            )
        # Whoever only switches a rule off leaves its threshold to Wattkeep.
        if set(attrs) - {"is_enabled", "alert_type"}:
            attrs["is_default"] = False
        return attrs

    def _value(self, name: str, attrs: dict[str, Any]) -> Any:
        if name in attrs:
            return attrs[name]
        if self.instance is not None:
            return getattr(self.instance, name)
        # What the body leaves out and nobody has set is what a new row would have.
        return getattr(AlertRule(), name) if name not in {"device", "site"} else None


class IncidentSerializer(AlertSerializer):
    """An incident with its course and what people did about it."""

    device = serializers.IntegerField(allow_null=True, help_text="Null: the site's own.")
    site = serializers.IntegerField()
    rule = serializers.IntegerField(allow_null=True)
    peak_value = serializers.FloatField(allow_null=True)
    last_value = serializers.FloatField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    noticed_at = serializers.DateTimeField(allow_null=True)
    duration_s = serializers.FloatField(help_text="Up to now while it is open.")
    is_flapping = serializers.BooleanField()
    relapses = serializers.IntegerField()
    cause = serializers.CharField()
    muted_by = serializers.IntegerField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    snoozed_by = serializers.CharField(allow_null=True)
    resolved_by = serializers.CharField(allow_null=True)


class IncidentPageSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Some incidents, newest first."""

    results = IncidentSerializer(many=True)
    next_before = serializers.IntegerField(
        allow_null=True, help_text="Ask again with before= this for older ones."
    )


class IncidentQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which incidents are asked for."""

    open = serializers.BooleanField(required=False, allow_null=True, default=None)
    device = serializers.IntegerField(required=False)
    site = serializers.IntegerField(required=False)
    rule = serializers.IntegerField(required=False)
    alert_type = serializers.ChoiceField(AlertType.choices, required=False)
    severity = serializers.ChoiceField(
        Severity.choices, required=False, help_text="This and above."
    )
    since = serializers.DateTimeField(required=False, help_text="Open then or later.")
    before = serializers.IntegerField(required=False, help_text="Older than this incident.")
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)


class SnoozeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """For how long an incident is to be quiet."""

    hours = serializers.FloatField(min_value=0.1, max_value=MOST_SNOOZE_H)


class EpisodeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One time the rule would have fired."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    peak = serializers.FloatField()


class PreviewSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How often a rule would have fired in the device's own last 30 days."""

    incidents = serializers.IntegerField()
    days = serializers.IntegerField(help_text="Days of them that hold readings.")
    longest_s = serializers.IntegerField()
    text = serializers.CharField()
    episodes = EpisodeSerializer(many=True)


class ProposeQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a threshold is wanted for."""

    device = serializers.IntegerField()
    metric = serializers.ChoiceField(AlertRule.Metric.choices)
    comparison = serializers.ChoiceField(AlertRule.Comparison.choices, default="above")


class RulesQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whose rules are asked for."""

    device = serializers.IntegerField(required=False, help_text="Those of its site included.")


class ProposalSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A threshold that would have made at most one incident a week."""

    threshold = serializers.FloatField(allow_null=True, help_text="Null: too little is stored.")
    recovery_threshold = serializers.FloatField(allow_null=True)
