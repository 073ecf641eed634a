"""Shapes of channels and notifications in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from wattkeep.alerts.notify_channels import AddressRefusedError, set_address
from wattkeep.api.access import sites_of
from wattkeep.monitoring.models import (
    Notification,
    NotificationChannel,
    ReportSchedule,
    Severity,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Site

MOST_A_DAY = 100


class OwnSitesField(serializers.PrimaryKeyRelatedField):  # type: ignore[type-arg]
    """Sites that the asking user may see; others do not exist."""

    def get_queryset(self) -> QuerySet[Site]:
        return sites_of(self.context["request"])


class ReportsField(serializers.MultipleChoiceField):
    """The periods a channel gets reports of."""

    def get_attribute(self, instance: NotificationChannel) -> Any:
        return {one.period for one in instance.reports.all()}

    def to_representation(self, value: set[str]) -> list[str]:  # type: ignore[override]
        return sorted(value)


class ChannelSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """Where one is told of incidents. The address goes in and never comes out again."""

    url = serializers.CharField(
        write_only=True, required=False, help_text="An Apprise address; not for browsers."
    )
    shown = serializers.CharField(source="url_shown", read_only=True)
    minimum_severity = serializers.ChoiceField(Severity.choices, default=Severity.WARNING)
    sites = OwnSitesField(many=True, required=False, help_text="None: all of them.")
    daily_cap = serializers.IntegerField(default=3, min_value=1, max_value=MOST_A_DAY)
    reports = ReportsField(choices=ReportSchedule.Period.choices, required=False)

    class Meta:
        model = NotificationChannel
        fields = (
            "id",
            "name",
            "kind",
            "url",
            "shown",
            "minimum_severity",
            "sites",
            "is_enabled",
            "daily_cap",
            "reports",
            "verified_at",
            "last_success_at",
            "last_error_at",
            "last_error",
        )
        read_only_fields = ("verified_at", "last_success_at", "last_error_at", "last_error")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an address that cannot be used, in words."""
        if self.instance is not None:
            attrs.pop("kind", None)
        kind = self.instance.kind if self.instance else attrs.get("kind")
        url = attrs.get("url")
        if kind == NotificationChannel.Kind.BROWSER:
            if url:
                raise serializers.ValidationError({"url": ["A browser has no address."]})
        elif url is not None:
            try:
                set_address(NotificationChannel(), url)
            except AddressRefusedError as error:
                raise serializers.ValidationError({"url": [str(error)]}) from None
        elif self.instance is None:
            raise serializers.ValidationError({"url": ["Write an Apprise address."]})
        return attrs


class NotificationSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """One message to one channel."""

    state = serializers.ChoiceField(["waiting", "delivered", "failed", "withheld"])

    class Meta:
        model = Notification
        fields = (
            "id",
            "channel",
            "alert",
            "kind",
            "state",
            "subject",
            "body",
            "created_at",
            "not_before",
            "attempts",
            "delivered_at",
            "error",
        )


class NotificationQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Which messages are asked for."""

    undelivered = serializers.BooleanField(required=False, default=False)
    alert = serializers.IntegerField(required=False)
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)


class TestSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a test came to."""

    is_taken = serializers.BooleanField()
    text = serializers.CharField()


class NoticeQuerySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a browser has shown already."""

    after = serializers.IntegerField(required=False, default=0, min_value=0)


class NoticeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a browser is to show."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    body = serializers.CharField()
    alert = serializers.IntegerField(allow_null=True)


class NoticesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is new for a browser; ask again with after= `last`."""

    last = serializers.IntegerField()
    notices = NoticeSerializer(many=True)
