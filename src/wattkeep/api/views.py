"""Requests for figures and devices; every one sees its own user's devices only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from wattkeep.api import payloads
from wattkeep.api.serializers import (
    DashboardSerializer,
    DeviceRowSerializer,
    DeviceSerializer,
    ErrorSerializer,
    NewDeviceSerializer,
    RealtimeSerializer,
)
from wattkeep.monitoring.devices import create_device, replace_key
from wattkeep.monitoring.models import Device

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet
    from rest_framework.request import Request


def devices_of(user: Any) -> QuerySet[Device]:
    """Return the devices `user` may see."""
    return Device.objects.filter(user=user).select_related("site")


def _device_or_404(request: Request, device_id: int) -> Device:
    device = devices_of(request.user).filter(pk=device_id).first()
    if device is None:
        raise Http404
    return device


class OwnView(APIView):
    """What is answered is one person's, and of this moment: no cache may keep it."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        add_never_cache_headers(response)
        return response


class RealtimeView(OwnView):
    """The newest reading of a device."""

    @extend_schema(responses={200: RealtimeSerializer, 404: ErrorSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return the newest values, their time and the device's status."""
        payload = payloads.realtime_payload(_device_or_404(request, device_id), timezone.now())
        if payload is None:
            return Response({"error": "No data available"}, status=status.HTTP_404_NOT_FOUND)
        return Response(payload)


class DashboardView(OwnView):
    """Everything a device's page shows."""

    @extend_schema(responses={200: DashboardSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return values, today by local hour, the last seven local days and open alerts."""
        device = _device_or_404(request, device_id)
        return Response(payloads.dashboard_payload(device, timezone.now()))


class DevicesView(OwnView):
    """One's devices."""

    @extend_schema(responses={200: DeviceRowSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them with their status and present power."""
        return Response(payloads.device_rows(devices_of(request.user), timezone.now()))

    @extend_schema(request=DeviceSerializer, responses={201: NewDeviceSerializer})
    def post(self, request: Request) -> Response:
        """Make one; the answer holds its key, which is shown this once."""
        serializer = DeviceSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        user: User = request.user  # type: ignore[assignment]
        device, key = create_device(user, **serializer.validated_data)
        row = payloads.device_rows([device], timezone.now())[0]
        return Response({**row, "api_key": key}, status=status.HTTP_201_CREATED)


class DeviceView(OwnView):
    """One device."""

    @extend_schema(responses={200: DeviceRowSerializer})
    def get(self, request: Request, device_id: int) -> Response:
        """Return it with its status and present power."""
        device = _device_or_404(request, device_id)
        return Response(payloads.device_rows([device], timezone.now())[0])

    @extend_schema(request=DeviceSerializer(partial=True), responses={200: DeviceRowSerializer})
    def patch(self, request: Request, device_id: int) -> Response:
        """Change what is sent, leave the rest."""
        device = _device_or_404(request, device_id)
        serializer = DeviceSerializer(
            device, data=request.data, partial=True, context={"request": request}
        )
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(payloads.device_rows([device], timezone.now())[0])


class DeviceKeyView(OwnView):
    """A device's key."""

    @extend_schema(
        request=None,
        responses={
            201: OpenApiResponse(NewDeviceSerializer, description="The new key, shown this once.")
        },
    )
    def post(self, request: Request, device_id: int) -> Response:
        """Make a new key; the old one stops working within a second."""
        device = _device_or_404(request, device_id)
        key = replace_key(device)
        row = payloads.device_rows([device], timezone.now())[0]
        return Response({**row, "api_key": key}, status=status.HTTP_201_CREATED)
