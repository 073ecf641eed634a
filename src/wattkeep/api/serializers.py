"""Shapes of the API's bodies: what may be written, and what OpenAPI tells of what is read."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from wattkeep.api.access import devices_of, sites_of
from wattkeep.monitoring.devices import LONGEST_OVERLAP, USUAL_OVERLAP, possible_parents
from wattkeep.monitoring.models import Device, Role, Severity


class NumberedField(serializers.PrimaryKeyRelatedField):  # type: ignore[type-arg]
    """A row by its number; numbers that no database holds are those of no row."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except OverflowError:
            self.fail("does_not_exist", pk_value=data)


class OwnSiteField(NumberedField):
    """A site that whoever asks may change; any other does not exist."""

    def get_queryset(self) -> Any:
        return sites_of(self.context["request"], Role.EDITOR)


class OwnDeviceField(NumberedField):
    """A device that whoever asks may change; any other does not exist."""

    def get_queryset(self) -> Any:
        return devices_of(self.context["request"], Role.EDITOR)


class DeviceSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]
    """What its owner may set of a device."""

    site = OwnSiteField(required=False)
    parent = OwnDeviceField(  # type: ignore[assignment]  # DRF takes it off the class
        required=False, allow_null=True, help_text="The device behind whose meter this one sits."
    )

    class Meta:
        model = Device
        fields = (
            "name",
            "location",
            "site",
            "parent",
            "interval_s",
            "range_w",
            "has_counter",
            "is_active",
            "signed_only",
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse another owner's site, and a parent that is elsewhere or behind the device."""
        known, site = self.instance, attrs.get("site")
        if known is not None and site is not None and site.owner_id != known.user_id:
            words = "A device moves between sites of one owner only."
            raise serializers.ValidationError({"site": [words]})
        parent: Device | None = attrs.get("parent")
        if parent is None:
            return attrs
        device = self.instance
        if device is None:
            attrs.setdefault("site", parent.site)
            device = Device(user=attrs["site"].owner)
        if "site" in attrs:
            device.site = attrs["site"]
        if not possible_parents(device).filter(pk=parent.pk).exists():
            words = "A device sits behind another of the same site that is not behind it."
            raise serializers.ValidationError({"parent": [words]})
        return attrs


class DeletionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What deleting a device needs: its name, typed."""

    name = serializers.CharField(max_length=100)


class KeyChangeSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """How long a device's old key stays good beside the new one."""

    keep_old_s = serializers.IntegerField(
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        default=int(USUAL_OVERLAP.total_seconds()),
        help_text="seconds; 0 ends it at once",
    )


class NewCorrectionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What an interval at full quarter-hours really used, in a person's word."""

    start = serializers.CharField(help_text="with an offset, or a date of the site")
    end = serializers.CharField(help_text="with an offset, or a date of the site")
    consumption = serializers.FloatField(
        min_value=0, allow_null=True, help_text="kWh; null leaves the interval out of every sum"
    )
    reason = serializers.CharField(max_length=200)


class SwapSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """When a device got another meter or board, and what the counters showed then, if known."""

    at = serializers.CharField(required=False, help_text="with an offset; now without it")
    closing = serializers.FloatField(
        min_value=0, required=False, allow_null=True, default=None, help_text="kWh, the old meter"
    )
    opening = serializers.FloatField(
        min_value=0, required=False, allow_null=True, default=None, help_text="kWh, the new meter"
    )
    is_new_meter = serializers.BooleanField(
        required=False, default=True, help_text="false: only the board, the meter stays"
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an empty body: nobody takes a board's key away by mistake."""
        if not self.initial_data:
            message = _(
                "Say what was replaced: is_new_meter true for the meter, false for the board."
            )
            raise serializers.ValidationError({"is_new_meter": [message]})
        return attrs


class StatusSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Whether a device is there."""

    status = serializers.ChoiceField(["online", "silent", "offline", "never"])
    is_online = serializers.BooleanField()
    last_seen = serializers.DateTimeField(allow_null=True)


class DeviceRowSerializer(StatusSerializer):
    """A device as lists show it."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    location = serializers.CharField()
    site = serializers.IntegerField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]  # see above
    is_active = serializers.BooleanField()
    key_prefix = serializers.CharField()
    interval_s = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    power = serializers.FloatField(allow_null=True, help_text="W, while online")


class NewDeviceSerializer(DeviceRowSerializer):
    """A device just made, with its key, which is shown this once."""

    api_key = serializers.CharField()


class ValuesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The six values; null before the first reading."""

    voltage = serializers.FloatField(allow_null=True, help_text="V")
    current = serializers.FloatField(allow_null=True, help_text="A")
    power = serializers.FloatField(allow_null=True, help_text="W")
    energy = serializers.FloatField(allow_null=True, help_text="kWh, the meter's counter")
    frequency = serializers.FloatField(allow_null=True, help_text="Hz")
    power_factor = serializers.FloatField(allow_null=True)


class RealtimeSerializer(ValuesSerializer, StatusSerializer):
    """The newest reading of a device."""

    device = serializers.IntegerField()
    timestamp = serializers.DateTimeField()


class LatestReadingSerializer(ValuesSerializer):
    """A reading with its time."""

    timestamp = serializers.DateTimeField()


class HourSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A local hour of today."""

    hour = serializers.IntegerField()
    start = serializers.DateTimeField()
    consumption = serializers.FloatField(help_text="kWh")


class DaySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A local day."""

    date = serializers.DateField()
    day = serializers.CharField()
    consumption = serializers.FloatField(help_text="kWh")


class AlertSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An incident."""

    id = serializers.IntegerField()
    alert_type = serializers.CharField()
    severity = serializers.ChoiceField(Severity.choices)
    message = serializers.CharField()
    value = serializers.FloatField()
    is_resolved = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class ExtremesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A value's least and greatest; null while nothing is measured."""

    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)


class AllExtremesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Each measured value's extremes of today, in the quarter-hours of the site's clock."""

    power = ExtremesSerializer()
    voltage = ExtremesSerializer()
    current = ExtremesSerializer()
    frequency = ExtremesSerializer()
    power_factor = ExtremesSerializer()


class DashboardSerializer(ValuesSerializer, StatusSerializer):
    """Everything a device's page shows."""

    device = DeviceRowSerializer()
    latest_reading = LatestReadingSerializer(allow_null=True)
    time_zone = serializers.CharField()
    site_date = serializers.DateField()
    today_consumption = serializers.FloatField(help_text="kWh")
    today_extremes = AllExtremesSerializer()
    hourly_consumption = HourSerializer(many=True)
    weekly_consumption = DaySerializer(many=True)
    alerts = AlertSerializer(many=True)


class ErrorSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A refusal in words."""

    error = serializers.CharField()
