"""Files that are sent while they are written, or read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer

from wattkeep.api.access import OwnView, device_or_404
from wattkeep.api.parameters import END, EXPORT_START
from wattkeep.api.spans import EARLIEST, Span, read_span, read_time
from wattkeep.history.export import file_name, readings_csv, slots_csv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rest_framework.request import Request

CSV = OpenApiResponse(OpenApiTypes.STR, description="One line a row, the first one names them.")


class CsvRenderer(BaseRenderer):
    """Lets a request ask for text/csv; what is sent is written by the view."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, *_args: Any, **_kwargs: Any) -> bytes:
        return str(data).encode()


class ExportView(OwnView):
    """A file of a device's; errors are JSON."""

    renderer_classes = (JSONRenderer, CsvRenderer)


class ReadingsCsvView(ExportView):
    """A device's single readings."""

    @extend_schema(parameters=[EXPORT_START, END], responses={(200, "text/csv"): CSV})
    def get(self, request: Request, device_id: int) -> HttpResponseBase:
        """Return every reading of a span; `wattkeep import` takes the file as it is."""
        device = device_or_404(request, device_id)
        span = _read_export_span(request, device.site.zone)
        name = file_name(device, "readings", span.start, span.end)
        return stream(request, readings_csv(device, span.start, span.end), name)


class SlotsCsvView(ExportView):
    """A device's quarter-hours."""

    @extend_schema(parameters=[EXPORT_START, END], responses={(200, "text/csv"): CSV})
    def get(self, request: Request, device_id: int) -> HttpResponseBase:
        """Return what was used in each quarter-hour, corrections applied, for spreadsheets."""
        device = device_or_404(request, device_id)
        span = _read_export_span(request, device.site.zone)
        name = file_name(device, "quarter-hours", span.start, span.end)
        return stream(request, slots_csv(device, span.start, span.end), name)


def _read_export_span(request: Request, zone: Any) -> Span:
    """Return the span asked for; everything up to now without one."""
    now = timezone.now()
    if "start" in request.query_params:
        return read_span(request, zone, now)
    return Span(EARLIEST, max(EARLIEST, read_time(request, "end", zone) or now))


def stream(
    request: Request,
    chunks: Iterator[str] | Iterator[bytes],
    name: str,
    content_type: str = "text/csv; charset=utf-8",
) -> StreamingHttpResponse:
    """Return a file that is sent while it is made."""
    # Under ASGI Django would gather all of a plain iterator before it sends the first byte.
    is_async = isinstance(request._request, ASGIRequest)  # noqa: SLF001 - DRF's way to Django's
    response = StreamingHttpResponse(
        _from_thread(chunks) if is_async else chunks, content_type=content_type
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _from_thread(chunks: Iterator[Any]) -> AsyncIterator[Any]:
    while (chunk := await sync_to_async(_next)(chunks)) is not None:
        yield chunk


def _next(chunks: Iterator[Any]) -> Any:
    return next(chunks, None)
