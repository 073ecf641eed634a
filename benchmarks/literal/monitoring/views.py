"""The mission's five steps of backend processing, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers, status
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.response import Response

from literal.monitoring.models import Alert, Device, EnergyReading

if TYPE_CHECKING:
    from rest_framework.request import Request

HIGH_POWER_W = 5000


class EnergyReadingCreateSerializer(serializers.Serializer):
    """Validates with the mission's ranges and creates the row."""

    voltage = serializers.FloatField(min_value=0, max_value=500)
    current = serializers.FloatField(min_value=0, max_value=100)
    power = serializers.FloatField(min_value=0)
    energy = serializers.FloatField(min_value=0)
    frequency = serializers.FloatField(min_value=45, max_value=65)
    power_factor = serializers.FloatField(min_value=0, max_value=1)

    def create(self, validated_data: dict[str, Any]) -> EnergyReading:
        return EnergyReading.objects.create(**validated_data)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
def energy_data_receive(request: Request) -> Response:
    """Take one reading."""
    try:
        device = Device.objects.get(api_key=request.headers.get("X-API-Key"), is_active=True)
    except Device.DoesNotExist:
        return Response({"error": "Invalid API key"}, status=status.HTTP_401_UNAUTHORIZED)
    serializer = EnergyReadingCreateSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    reading = serializer.save(device=device)
    check_and_create_alerts(device, reading)
    device.update_last_seen()
    return Response(
        {
            "status": "success",
            "message": "Data received successfully",
            "reading_id": reading.pk,
        },
        status=status.HTTP_201_CREATED,
    )


def check_and_create_alerts(device: Device, reading: EnergyReading) -> None:
    if reading.power > HIGH_POWER_W:
        Alert.objects.create(
            device=device,
            alert_type="HIGH_POWER",
            message=f"High power: {reading.power}W",
            value=reading.power,
        )
