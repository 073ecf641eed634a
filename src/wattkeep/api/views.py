"""Requests for devices and their values now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from wattkeep.api import payloads
from wattkeep.api.access import OwnView, device_or_404, shown_devices
from wattkeep.api.audited import note_new_key
from wattkeep.api.serializers import (
    DashboardSerializer,
    DeletionSerializer,
    DeviceRowSerializer,
    DeviceSerializer,
    ErrorSerializer,
    KeyChangeSerializer,
    NewDeviceSerializer,
    RealtimeSerializer,
)
from wattkeep.ledger.meters import change_device
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.deletion import WrongNameError, delete_device
from wattkeep.monitoring.devices import create_device, end_old_keys, replace_key
from wattkeep.monitoring.models import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from rest_framework.request import Request


class RealtimeView(OwnView):
    """The newest reading of a device."""

    @extend_schema(responses={200: RealtimeSerializer, 404: ErrorSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return the newest values, their time and the device's status."""
        payload = payloads.realtime_payload(device_or_404(request, device_id), timezone.now())
        if payload is None:
            return Response({"error": "No data available"}, status=status.HTTP_404_NOT_FOUND)
        return Response(payload)


class DashboardView(OwnView):
    """Everything a device's page shows."""

    @extend_schema(responses={200: DashboardSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return values, today by local hour, the last seven local days and open alerts."""
        device = device_or_404(request, device_id)
        return Response(payloads.dashboard_payload(device, timezone.now()))


class DevicesView(OwnView):
    """One's devices."""

    @extend_schema(responses={200: DeviceRowSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them with their status and present power."""
        return Response(payloads.device_rows(shown_devices(request), timezone.now()))

    @extend_schema(request=DeviceSerializer, responses={201: NewDeviceSerializer})
    def post(self, request: Request) -> Response:
        """Make one; the answer holds its key, which is shown this once."""
        serializer = DeviceSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        user: User = request.user  # type: ignore[assignment]
        device, key = create_device(user, **serializer.validated_data)
        note(request, Subject.DEVICE, "added", on=device)
        row = payloads.device_rows([device], timezone.now())[0]
        return Response({**row, "api_key": key}, status=status.HTTP_201_CREATED)


class DeviceView(OwnView):
    """One device."""

    @extend_schema(responses={200: DeviceRowSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return it with its status and present power."""
        device = device_or_404(request, device_id)
        return Response(payloads.device_rows([device], timezone.now())[0])

    @extend_schema(request=DeviceSerializer(partial=True), responses={200: DeviceRowSerializer})
    def patch(self, request: Request, device_id: int) -> Response:
        """Change what is sent, leave the rest."""
        device = device_or_404(request, device_id, Role.EDITOR)
        before = words_of(device)
        serializer = DeviceSerializer(
            device, data=request.data, partial=True, context={"request": request}
        )
        serializer.is_valid(raise_exception=True)
        change_device(device.pk, serializer.save)
        told = changes(before, words_of(device))
        note(request, Subject.DEVICE, "changed", on=device, details=told)
        return Response(payloads.device_rows([device], timezone.now())[0])

    @extend_schema(request=DeletionSerializer, responses={204: None, 400: ErrorSerializer})
    def delete(self, request: Request, device_id: int) -> Response:
        """Delete it and all its readings for good, if its name is sent; export them first."""
        device = device_or_404(request, device_id, Role.OWNER)
        serializer = DeletionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            delete_device(device, serializer.validated_data["name"])
        except WrongNameError as error:
            raise ValidationError({"name": [str(error)]}) from error
        note(request, Subject.DEVICE, "deleted", on=device)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeviceKeyView(OwnView):
    """A device's key."""

    admin_methods = frozenset({"POST", "DELETE"})

    @extend_schema(
        request=KeyChangeSerializer,
        responses={
            201: OpenApiResponse(NewDeviceSerializer, description="The new key, shown this once.")
        },
    )
    def post(self, request: Request, device_id: int) -> Response:
        """Make a new key; the old one stays good for a day, or as long as `keep_old_s` says.

        0 ends it, and every older one, within a second.
        """
        device = device_or_404(request, device_id, Role.EDITOR)
        serializer = KeyChangeSerializer(data=request.data or {})
        serializer.is_valid(raise_exception=True)
        keep_old = timedelta(seconds=serializer.validated_data["keep_old_s"])
        key = replace_key(device, keep_old=keep_old)
        note_new_key(request, device, keep_old)
        row = payloads.device_rows([device], timezone.now())[0]
        return Response({**row, "api_key": key}, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, device_id: int) -> Response:
        """End every older key now; the newest stays."""
        device = device_or_404(request, device_id, Role.EDITOR)
        if end_old_keys(device):
            note(request, Subject.KEY, "old keys ended", on=device)
        return Response(status=status.HTTP_204_NO_CONTENT)
