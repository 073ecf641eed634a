"""Backups at their time: one a day where a folder is set, old ones dropped by the rule."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings

from wattkeep.backups.rotation import drop_old, newest, owner_mark

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
# A clock that was wrong must not put the next backup off for years.
MOST_AHEAD = timedelta(hours=1)


def backup_if_due(now: datetime) -> None:
    """Make a backup if the newest one is a day old; does nothing where no folder is set."""
    folder = settings.BACKUP_DIR
    if folder is None:
        return
    # Imported where there are backups: archives and their encryption take megabytes.
    from wattkeep.backups.making import make_backup

    mark = owner_mark(settings.SECRET_KEY)
    last = newest(folder, mark)
    if last is not None and now - EVERY < last <= now + MOST_AHEAD:
        return
    path = make_backup(folder, now, settings.BACKUP_PASSPHRASE)
    logger.info("backup written to %s", path)
    drop_old(folder, settings.BACKUP_KEEP, mark)
