"""Ordered files: who may order how many, whose they are, and their bytes.

They are kept in the database, in pieces. A file in a folder would be there for the one server that
shares it with the worker, and its length and the note of how far it is could differ after a power
cut. Here a piece and that note are one transaction, deleting is one statement, and any server
hands out what any worker made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, Sum
from django.utils.text import slugify
from django.utils.translation import gettext as _

from wattkeep.ledger.disk import disk_state
from wattkeep.monitoring.access import devices_for
from wattkeep.monitoring.deletion import delete_exports
from wattkeep.monitoring.models import Export, ExportChunk, ExportPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from wattkeep.monitoring.access import Principal
    from wattkeep.monitoring.models import Device

# A person's, whatever became of them.
MOST_EXPORTS = 5
LONGEST_NAME = 60
MEGABYTE = 1_000_000


class OrderRefusedError(Exception):
    """A file cannot be ordered now; the message says why and what to do, in the person's words."""


class GoneError(Exception):
    """A file was deleted while it was read."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a file is to hold: one device, or with `is_of_site` all of a site's."""

    name: str
    devices: Sequence[Device]
    what: str
    format: str
    start: datetime
    end: datetime
    is_of_site: bool = False


def order(who: Principal, wish: Wish, now: datetime) -> Export:
    """Order a file for somebody who may see its devices; a periodic task makes it.

    Raises:
        OrderRefusedError: there is nothing to put into it, they have enough files, or there is no
            room for another one.
    """
    if not wish.devices:
        raise OrderRefusedError(_("There is no device at this site."))
    if _own(who).count() >= MOST_EXPORTS:
        raise OrderRefusedError(
            _("%(count)s files are kept for you. Delete one of them first.")
            % {"count": MOST_EXPORTS}
        )
    if (reason := find_lack_of_room(most_bytes())) is not None:
        raise OrderRefusedError(reason)
    try:
        with transaction.atomic():
            made = Export.objects.create(
                user_id=who.user_id,
                name=wish.name,
                is_of_site=wish.is_of_site,
                device_count=len(wish.devices),
                what=wish.what,
                format=wish.format,
                start=wish.start,
                end=wish.end,
                created_at=now,
            )
            ExportPart.objects.bulk_create(
                ExportPart(export=made, device=device, place=place)
                for place, device in enumerate(wish.devices)
            )
    except IntegrityError:
        if _own(who).filter(state=Export.State.MAKING).exists():
            words = _("A file is being prepared for you. Wait until it is ready, or delete it.")
        else:
            words = _("A device was deleted meanwhile. Look at your devices and order again.")
        raise OrderRefusedError(words) from None
    return made


def most_bytes() -> int:
    """Return how large one file may get."""
    return int(settings.EXPORT_MOST_MB * MEGABYTE)


def find_lack_of_room(more_bytes: int) -> str | None:
    """Return why files must not take so much more, in words; None if they may.

    SQLite's file gives nothing back to the disk. So files keep away from the reserve by as much as
    one of them can take: readings are refused below it, and would be for good.
    """
    disk = disk_state()
    if disk is not None and disk.free_bytes < disk.reserve_bytes + most_bytes():
        return _("The server's disk is too full for large files.")
    kept_bytes = Export.objects.aggregate(Sum("size_bytes"))["size_bytes__sum"] or 0
    if kept_bytes + more_bytes > settings.EXPORT_TOTAL_MB * MEGABYTE:
        return _("The server keeps as many large files as it has room for. Try again in some days.")
    return None


def exports_of(who: Principal) -> list[Export]:
    """Return somebody's files, newest first; of one that is hidden from them nothing is named.

    It counts, so they have to be able to delete it.
    """
    whole = set(_whole(who).values_list("pk", flat=True))
    found = list(_own(who))
    for export in found:
        if export.pk not in whole:
            export.is_hidden = True
            export.name = export.error = ""
    return found


def find_export(who: Principal, export_id: int) -> Export | None:
    """Return one of somebody's files; None if there is none, or none they may see any more."""
    return _whole(who).filter(pk=export_id).first()


def delete_export(who: Principal, export_id: int) -> bool:
    """Delete one of somebody's files, ready or not; False if there is none."""
    return bool(delete_exports(_own(who).filter(pk=export_id)))


def content_of(export: Export) -> Iterator[bytes]:
    """Yield a file's bytes.

    Raises:
        GoneError: on reaching a piece that was deleted meanwhile.
    """
    for number in range(export.chunks):
        pieces = ExportChunk.objects.filter(export_id=export.pk, number=number)
        content = pieces.values_list("content", flat=True).first()
        if content is None:
            raise GoneError(f"export {export.pk} was deleted while it was read")
        yield bytes(content)


def file_name(export: Export) -> str:
    """Return a name that any file system takes."""
    name = slugify(export.name)[:LONGEST_NAME] or f"wattkeep-{export.pk}"
    return f"{name}-{export.what}-to-{export.end:%Y%m%d}.{export.format}.gz"


def _own(who: Principal) -> QuerySet[Export]:
    return Export.objects.filter(user_id=who.user_id)


def _whole(who: Principal) -> QuerySet[Export]:
    """Return somebody's files without those of which a device is deleted or not theirs to see."""
    seen = Q(parts__device__in=devices_for(who).order_by().values("pk"))
    return (
        _own(who)
        .annotate(seen_count=Count("parts", filter=seen))
        .filter(seen_count=F("device_count"))
    )
