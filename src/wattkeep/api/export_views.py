"""Requests for files that are prepared: order one, look how far it is, fetch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response

from wattkeep.api.access import OwnView, device_or_404, devices_of, site_or_404
from wattkeep.api.exports import stream
from wattkeep.api.parameters import TIME
from wattkeep.api.payloads import iso
from wattkeep.api.serializers import ErrorSerializer
from wattkeep.api.spans import EARLIEST, parse_time
from wattkeep.history.exports import (
    OrderRefusedError,
    Wish,
    content_of,
    delete_export,
    exports_of,
    file_name,
    find_export,
    order,
)
from wattkeep.monitoring.access import principal_of
from wattkeep.monitoring.models import Export

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from django.http import HttpResponseBase
    from rest_framework.request import Request

GZIP = "application/gzip"
NOT_READY = "This file is not ready."


class ExportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An ordered file."""

    id = serializers.IntegerField()
    name = serializers.CharField(
        help_text="The device's or the site's, as it was then. Empty: you may no longer see it."
    )
    what = serializers.ChoiceField(Export.What.choices)
    format = serializers.ChoiceField(Export.Format.choices)
    start = serializers.DateTimeField(allow_null=True, help_text="Null: all there is.")
    end = serializers.DateTimeField()
    state = serializers.ChoiceField(Export.State.choices)
    error = serializers.CharField()
    rows = serializers.IntegerField(help_text="Lines so far.")
    size_bytes = serializers.IntegerField(help_text="Packed, so far.")
    created_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField(allow_null=True, help_text="Where it is fetched, once ready.")


class OrderSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What a file is to hold."""

    device = serializers.IntegerField(required=False, help_text="Either a device …")
    site = serializers.IntegerField(required=False, help_text="… or all devices of a site.")
    what = serializers.ChoiceField(Export.What.choices, default=Export.What.READINGS)
    format = serializers.ChoiceField(Export.Format.choices, default=Export.Format.CSV)
    start = serializers.CharField(required=False, help_text=f"{TIME} Without it, all there is.")
    end = serializers.CharField(required=False, help_text=f"{TIME} Now at the latest.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse neither and both."""
        if ("device" in attrs) == ("site" in attrs):
            raise serializers.ValidationError("Name a device, or a site.")
        return attrs


class NotNowError(APIException):
    """What is asked for cannot be done now, and may be later."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, words: str) -> None:
        super().__init__({"error": words})


class GzipRenderer(BaseRenderer):
    """Lets a request ask for a packed file, which the view sends; it renders nothing itself."""

    media_type = GZIP
    format = "gz"


class ExportsView(OwnView):
    """One's ordered files."""

    @extend_schema(responses={200: ExportSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return Response([export_row(one) for one in exports_of(principal_of(request))])

    @extend_schema(
        request=OrderSerializer,
        responses={202: ExportSerializer, 400: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Order a file of a device or of all of a site's; it is prepared aside."""
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wish = _wish(request, serializer.validated_data, timezone.now())
        try:
            made = order(principal_of(request), wish, timezone.now())
        except OrderRefusedError as error:
            raise NotNowError(str(error)) from None
        return Response(export_row(made), status=status.HTTP_202_ACCEPTED)


class ExportView(OwnView):
    """One ordered file."""

    @extend_schema(responses={200: ExportSerializer})
    def get(self, request: Request, export_id: int) -> Response:
        """Tell how far it is."""
        return Response(export_row(_find(request, export_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, export_id: int) -> Response:
        """Delete it, ready or not."""
        if not delete_export(principal_of(request), export_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportFileView(OwnView):
    """The file itself; errors are JSON."""

    renderer_classes = (JSONRenderer, GzipRenderer)

    @extend_schema(
        responses={
            (200, GZIP): OpenApiResponse(OpenApiTypes.BINARY, description="Packed by gzip."),
            (409, "application/json"): ErrorSerializer,
        }
    )
    def get(self, request: Request, export_id: int) -> HttpResponseBase:
        """Return a file that is ready, to whom ordered it and may still see all in it."""
        export = _find(request, export_id)
        if export.state != Export.State.READY:
            raise NotNowError(NOT_READY)
        response = stream(request, content_of(export), file_name(export), GZIP)
        response["Content-Length"] = str(export.size_bytes)
        return response

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Response:
        """Write what is no file as JSON, also for whoever asked for nothing but a file."""
        if isinstance(response, Response):
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


def export_row(export: Export) -> dict[str, Any]:
    """Return an ordered file as the API tells of it."""
    is_ready = export.state == Export.State.READY and not export.is_hidden
    return {
        "id": export.pk,
        "name": export.name,
        "what": export.what,
        "format": export.format,
        "start": None if export.start == EARLIEST else iso(export.start),
        "end": iso(export.end),
        "state": export.state,
        "error": export.error,
        "rows": export.rows,
        "size_bytes": export.size_bytes,
        "created_at": iso(export.created_at),
        "done_at": iso(export.done_at),
        "expires_at": iso(export.expires_at),
        "url": reverse("api:export-file", args=[export.pk]) if is_ready else None,
    }


def _wish(request: Request, asked: dict[str, Any], now: datetime) -> Wish:
    if "site" in asked:
        site = site_or_404(request, asked["site"])
        devices = list(devices_of(request).filter(site=site).order_by("pk"))
        name, zone = site.name, site.zone
    else:
        device = device_or_404(request, asked["device"])
        devices, name, zone = [device], device.name, device.site.zone
    start, end = _span(asked, zone, now)
    return Wish(name, devices, asked["what"], asked["format"], start, end, "site" in asked)


def _span(asked: dict[str, Any], zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    start = parse_time(asked["start"], "start", zone) if "start" in asked else EARLIEST
    # Nothing is stored of the future, and pieces of it would have to be walked through.
    end = min(parse_time(asked["end"], "end", zone), now) if "end" in asked else now
    if start >= end:
        raise ValidationError({"end": ["The end must lie after the start."]})
    return start, end


def _find(request: Request, export_id: int) -> Export:
    export = find_export(principal_of(request), export_id)
    if export is None:
        raise Http404
    return export
