"""Shapes of the bodies about boards."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from wattkeep.boards.configuration import ADDRESSES, MOST_INTERVAL_S, MOST_METERS
from wattkeep.monitoring.models import BoardCommand, FirmwareTrial


class BoardSetupSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a board is told; null and an empty list leave it to the board's own file."""

    interval_s = serializers.IntegerField(min_value=1, max_value=MOST_INTERVAL_S)
    display = serializers.BooleanField(allow_null=True)
    contrast = serializers.IntegerField(min_value=0, max_value=255, allow_null=True)
    meters = serializers.ListField(
        child=serializers.IntegerField(min_value=ADDRESSES.start, max_value=ADDRESSES.stop - 1),
        max_length=MOST_METERS,
        help_text="Modbus address; 248 means any, with one meter on the wire.",
    )


class BoardHealthSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A board's last words; null is what it never told."""

    firmware = serializers.CharField(allow_null=True)
    slot = serializers.CharField(allow_null=True, help_text="a or b: where that firmware lies")
    boot = serializers.CharField(allow_null=True)
    uptime_s = serializers.IntegerField(allow_null=True)
    rssi_dbm = serializers.IntegerField(allow_null=True)
    free_heap = serializers.IntegerField(allow_null=True, help_text="bytes")
    bad_polls = serializers.IntegerField(allow_null=True, help_text="since its start")
    backlog = serializers.IntegerField(allow_null=True, help_text="windows it still holds")
    resets = serializers.IntegerField(allow_null=True)
    reset_cause = serializers.CharField(allow_null=True)
    last_contact = serializers.DateTimeField()
    age_s = serializers.IntegerField(help_text="seconds since then")
    reported_at = serializers.DateTimeField(
        allow_null=True, help_text="when it told slot, bad polls, backlog and resets"
    )
    log = serializers.CharField()
    log_at = serializers.DateTimeField(allow_null=True)


class BoardCommandSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Something a board is to do once."""

    id = serializers.IntegerField()
    command = serializers.ChoiceField(BoardCommand.Kind.choices)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    result = serializers.CharField()


class NewBoardCommandSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A command to give."""

    command = serializers.ChoiceField(BoardCommand.Kind.choices)
    confirm = serializers.BooleanField(
        default=False, help_text="needed for reset_energy, which cannot be undone"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["command"] == BoardCommand.Kind.RESET_ENERGY and not attrs["confirm"]:
            raise serializers.ValidationError(
                {"confirm": "The meter's counter goes back to 0 for good: send true."}
            )
        return attrs


class BoardUpdateSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The last release offered to a board."""

    version = serializers.CharField()
    state = serializers.ChoiceField(FirmwareTrial.State.choices)
    reason = serializers.CharField(help_text="why it was rolled back")
    offered_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class BoardSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A device's board."""

    device = serializers.IntegerField()
    health = BoardHealthSerializer(allow_null=True)
    config = BoardSetupSerializer()
    config_version = serializers.IntegerField()
    applied_version = serializers.IntegerField(
        allow_null=True, help_text="what the board had applied when it last asked"
    )
    told_version = serializers.IntegerField(
        allow_null=True, help_text="what it was answered then, to be applied at once"
    )
    firmware_update = BoardUpdateSerializer(allow_null=True)
    commands = BoardCommandSerializer(many=True, help_text="the last ten, newest first")
