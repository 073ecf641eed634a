"""Run as a program: puts messages into the outbox until it is ended, whatever becomes of them."""

from __future__ import annotations

import signal
import sys
import time

from wattkeep.cli.installation import open_installation

PAUSE_S = 0.3


def main(channel_id):
    open_installation(None, up_to_date=False)
    from django.db import DatabaseError, connection
    from django.utils import timezone

    from wattkeep.monitoring.models import Notification

    is_over = []
    signal.signal(signal.SIGTERM, lambda *_: is_over.append(True))
    number = 0
    while not is_over:
        number += 1
        now = timezone.now()
        try:
            Notification.objects.create(
                channel_id=int(channel_id),
                kind=Notification.Kind.TEST,
                group_key=f"message-{number}",
                subject=f"Message {number}",
                body="-",
                created_at=now,
                not_before=now,
            )
        except DatabaseError:
            connection.close()
        time.sleep(PAUSE_S)


main(*sys.argv[1:])
