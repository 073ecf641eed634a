"""Making ordered files: a piece at a time, each in turn, by whichever process has the task.

A piece is committed together with where the next one begins. So a process that dies in between
loses the piece it was at, and two that work at the same file do not write it twice.
"""

from __future__ import annotations

import gzip
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Count, F
from django.utils import timezone
from django.utils.translation import gettext as _

from wattkeep.domain.instants import from_ms, to_ms
from wattkeep.history.export import reading_rows, slot_rows, slot_spans
from wattkeep.history.export_lines import Layout
from wattkeep.history.exports import MEGABYTE, find_lack_of_room, most_bytes
from wattkeep.ledger.blocks import DAY_MS, BlockError
from wattkeep.ledger.readings import COLUMNS, iter_days, readings_after
from wattkeep.monitoring.deletion import delete_exports, delete_pieces
from wattkeep.monitoring.languages import speak_to
from wattkeep.monitoring.models import Export, ExportChunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Device

logger = logging.getLogger(__name__)

# A piece has the readings of so many days, or fewer if its text gets longer than this.
DAYS_A_PIECE = 4
MOST_TEXT = 4 * MEGABYTE
MOST_ATTEMPTS = 3
# As many are worked at in turn.
AT_ONCE = 50
GZIP_LEVEL = 6


class Piece(NamedTuple):
    """Text of a device's lines, how many they are, and where the next ones begin.

    `done_to` is None once nothing of the device follows.
    """

    text: str
    rows: int
    done_to: datetime | None


class ExportsFailedError(Exception):
    """Files whose next piece the database did not take; the message names them."""


def prepare_due(now: datetime) -> Iterator[object]:
    """Make what was ordered, one piece after the other; drop what is over.

    Raises:
        ExportsFailedError: once all else is done, if the database refused a piece. Such a file is
            tried again with the next call, and given up in the end.
        DatabaseError: the database takes nothing at all.
    """
    problems: dict[int, str] = {}
    yield drop_over(now)
    while waiting := list(_waiting().exclude(pk__in=problems)[:AT_ONCE]):
        for export in waiting:
            try:
                done = go_on(export)
            except DatabaseError as error:
                problems[export.pk] = f"export {export.pk}: {type(error).__name__}: {error}"
                done = _count_attempt(export)
            yield done
        # A day's orders are one call: others' time is over meanwhile.
        yield drop_over(timezone.now())
    if problems:
        raise ExportsFailedError("; ".join(problems.values()))


def _waiting() -> QuerySet[Export]:
    return Export.objects.filter(state=Export.State.MAKING).order_by("pk")


def drop_over(now: datetime) -> int:
    """Delete files whose time is over, and such as a device was deleted of; return how many."""
    broken = Export.objects.annotate(left=Count("parts")).exclude(left=F("device_count"))
    return delete_exports(Export.objects.filter(expires_at__lte=now)) + delete_exports(broken)


def go_on(export: Export) -> bool:
    """Make the next piece of a file; tell whether it was stored.

    Raises:
        DatabaseError: it could not be; whoever tries next goes on here.
    """
    try:
        return _add(export, _next_piece(export))
    except DatabaseError:
        raise
    except BlockError as error:
        with speak_to(export.user_id):
            words = _("%(day)s cannot be read. Order the time before it and after it.") % {
                "day": from_ms(error.day_ms).date().isoformat()
            }
        return _fail(export, words)
    except Exception:
        logger.exception("export %s: a piece of it failed", export.pk)
        return _count_attempt(export)


def _count_attempt(export: Export) -> bool:
    """Note that a piece failed; give the file up if that was the last attempt."""
    if export.attempts + 1 >= MOST_ATTEMPTS:
        with speak_to(export.user_id):
            return _fail(export, _("It could not be prepared. The server's log says why."))
    return bool(_same(export).update(attempts=F("attempts") + 1))


def _next_piece(export: Export) -> Piece:
    device = _device_of(export)
    if device is None:
        # Deleted meanwhile: `drop_over` takes the file away.
        return Piece("", 0, None)
    layout = Layout.of(export)
    begin = export.done_to or export.start
    if begin >= export.end:
        return Piece("", 0, None)
    make = _readings if export.what == Export.What.READINGS else _quarter_hours
    return make(layout, device, begin, export.end)


def _device_of(export: Export) -> Device | None:
    part = export.parts.filter(place=export.part).select_related("device__site").first()
    return part.device if part else None


def _readings(layout: Layout, device: Device, begin: datetime, end: datetime) -> Piece:
    """Return readings from `begin` on; where there are none, where the next ones are."""
    begin_ms, end_ms = to_ms(begin), to_ms(end)
    until_ms = min((begin_ms // DAY_MS + DAYS_A_PIECE) * DAY_MS, end_ms)
    texts: list[str] = []
    length = rows = 0
    for day in iter_days(device.pk, begin_ms, until_ms, COLUMNS):
        texts.append(layout.lines(device, reading_rows(day)))
        length += len(texts[-1])
        rows += len(day)
        if length >= MOST_TEXT:
            return Piece("".join(texts), rows, from_ms(int(day.timestamps[-1]) + 1))
    following = readings_after(device.pk, until_ms, 1, ()).timestamps.tolist()
    done_to = from_ms(following[0]) if following and following[0] < end_ms else None
    return Piece("".join(texts), rows, done_to)


def _quarter_hours(layout: Layout, device: Device, begin: datetime, end: datetime) -> Piece:
    for starts_ms in slot_spans(device, begin, end):
        found = list(slot_rows(device, starts_ms))
        done_to = from_ms(starts_ms.stop)
        text = layout.lines(device, found)
        return Piece(text, len(found), done_to if done_to < end else None)
    return Piece("", 0, None)


def _add(export: Export, piece: Piece) -> bool:
    """Store a piece with what it changes; False if somebody else stored it, or it is too much."""
    text = piece.text if export.chunks else Layout.of(export).head() + piece.text
    content = (
        gzip.compress(text.encode(), GZIP_LEVEL, mtime=0) if text or not export.chunks else b""
    )
    if (reason := _too_much(export, len(content))) is not None:
        return _fail(export, reason)
    is_last_part = export.part + 1 >= export.device_count
    is_over = piece.done_to is None and is_last_part
    with transaction.atomic():
        changed = _same(export).update(
            part=export.part + (piece.done_to is None),
            done_to=piece.done_to,
            chunks=export.chunks + bool(content),
            size_bytes=export.size_bytes + len(content),
            rows=export.rows + piece.rows,
            attempts=0,
            **(_ready() if is_over else {}),
        )
        if changed and content:
            ExportChunk.objects.create(export_id=export.pk, number=export.chunks, content=content)
    return bool(changed)


def _too_much(export: Export, more_bytes: int) -> str | None:
    """Return why a file must not grow any further, in its person's words."""
    with speak_to(export.user_id):
        if export.size_bytes + more_bytes > most_bytes():
            return _(
                "It would be larger than %(most)s MB. Order a shorter time, or one device alone."
            ) % {"most": f"{settings.EXPORT_MOST_MB:g}"}
        return find_lack_of_room(more_bytes)


def _ready() -> dict[str, Any]:
    now = timezone.now()
    return {
        "state": Export.State.READY,
        "done_at": now,
        "expires_at": now + timedelta(days=settings.EXPORT_KEPT_DAYS),
    }


def _fail(export: Export, reason: str) -> bool:
    """Give a file up; its row stays for as long as a good one would, and says why."""
    values = _ready() | {"state": Export.State.FAILED, "error": reason[:300]}
    changed = _same(export).update(**values, chunks=0, size_bytes=0)
    if changed:
        delete_pieces(export.pk)
    return bool(changed)


def _same(export: Export) -> QuerySet[Export]:
    """Return the file's row if nobody has gone on with it since it was read."""
    return Export.objects.filter(
        pk=export.pk,
        state=Export.State.MAKING,
        part=export.part,
        done_to=export.done_to,
        chunks=export.chunks,
    )
