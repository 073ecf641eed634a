"""Requests for the audit log: as JSON, and as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from wattkeep.api.access import OwnView
from wattkeep.api.exports import CSV, ExportView, stream
from wattkeep.api.payloads import iso
from wattkeep.api.sharing_serializers import AuditPageSerializer, AuditQuerySerializer
from wattkeep.domain.spreadsheets import safe_cell
from wattkeep.monitoring.access import principal_of
from wattkeep.monitoring.audit import entries_for, filter_entries
from wattkeep.monitoring.audit_words import in_english

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet
    from django.http import HttpResponseBase
    from rest_framework.request import Request

    from wattkeep.monitoring.models import AuditEntry

COLUMNS = (
    "at", "actor", "by_way_of", "address", "as_admin", "subject", "site", "thing", "deed",
    "details",
)  # fmt: skip
ROWS_A_PIECE = 500


class AuditView(OwnView):
    """Who changed what."""

    admin_methods = frozenset({"GET", "HEAD", "OPTIONS"})

    @extend_schema(
        operation_id="v1_audit_list",
        parameters=[AuditQuerySerializer],
        responses={200: AuditPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """List the lines of one's sites and account, newest first; an administrator's all."""
        rows, wanted = _asked_for(request)
        if "before" in wanted:
            rows = rows.filter(pk__lt=wanted["before"])
        found = list(rows[: wanted["limit"] + 1])
        page = found[: wanted["limit"]]
        return Response(
            {
                "results": [entry_row(entry) for entry in page],
                "next_before": page[-1].pk if len(found) > len(page) else None,
            }
        )


class AuditCsvView(ExportView):
    """Who changed what, as a file."""

    admin_methods = frozenset({"GET", "HEAD", "OPTIONS"})

    @extend_schema(parameters=[AuditQuerySerializer], responses={(200, "text/csv"): CSV})
    def get(self, request: Request) -> HttpResponseBase:
        """Return every line asked for, newest first; no cell of it can be a formula."""
        rows, _wanted = _asked_for(request)
        name = f"wattkeep-audit-{timezone.now():%Y%m%d}.csv"
        return stream(request, _csv(rows), name)


def entry_row(entry: AuditEntry) -> dict[str, Any]:
    """Return one line of the log."""
    return {
        "id": entry.pk,
        "at": iso(entry.at),
        "actor": entry.actor_name,
        "by_way_of": entry.by_way_of,
        "address": entry.address,
        "as_admin": entry.is_as_admin,
        "subject": entry.subject,
        "site": entry.site.name if entry.site else "",
        "thing": entry.thing,
        "deed": entry.deed,
        "details": in_english(entry.details),
    }


def _asked_for(request: Request) -> tuple[QuerySet[AuditEntry], dict[str, Any]]:
    query = AuditQuerySerializer(data=request.query_params)
    query.is_valid(raise_exception=True)
    wanted = query.validated_data
    rows = filter_entries(entries_for(principal_of(request)), wanted)
    return rows.order_by("-pk"), wanted


def _csv(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    """Yield the file piece by piece, each read by its own query: no cursor stays open."""
    yield _lines([COLUMNS])
    last = None
    while True:
        asked = rows if last is None else rows.filter(pk__lt=last)
        piece = list(asked[:ROWS_A_PIECE])
        if not piece:
            return
        last = piece[-1].pk
        told = (entry_row(entry) for entry in piece)
        yield _lines([[row[name] for name in COLUMNS] for row in told])


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
