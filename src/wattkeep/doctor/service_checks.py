"""What Wattkeep does by itself: its database, its periodic tasks, its backups."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, Q

from wattkeep.backups.rotation import newest, owner_mark
from wattkeep.doctor.findings import fault, risk
from wattkeep.monitoring.accounts import awaits_first_account
from wattkeep.monitoring.models import Device, DeviceBoot, Lease, NotificationChannel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattkeep.doctor.findings import Finding

LARGE_WAL_BYTES = 256 * 1024 * 1024
OLDEST_POSTGRES = 150_000
# A task that has not ended well for so long is stuck, however rarely it runs.
TASK_STUCK = timedelta(hours=26)
BACKUP_OLD = timedelta(days=2)
DEVICE_GONE = timedelta(days=1)
DAMAGE_SHOWN = 3
# Messages that were given up longer ago are nobody's concern any more.
LOST_SHOWN = timedelta(days=7)
LOG = "the log (journalctl -u wattkeep, or docker compose logs)"
# What periodic tasks are for, by their names in `tasks.py`.
PURPOSES = {
    "alerts": "finds silent devices and used-up budgets",
    "notifications": "sends messages",
    "reports": "writes weekly and monthly reports",
    "ledger": "makes the figures of quarter-hours",
    "partitions": "makes room for the next days on PostgreSQL",
    "sealing": "closes finished days",
    "retention": "deletes single readings that are no longer to be kept",
    "backup": "makes the daily backup",
    "sweeping": "deletes what is over",
}


def check_database() -> Iterator[Finding]:
    """Find a database that is away, damaged, out of date or not durable."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            yield risk(
                "old-tables",
                "The tables are older than this version.",
                "Restart Wattkeep: it brings them up to date.",
            )
        yield from _check_sqlite() if connection.vendor == "sqlite" else _check_postgres()
    except Error as error:
        yield fault(
            "database",
            f"The database cannot be used: {error}".strip(),
            "If it is damaged, bring back a backup (wattkeep restore). If it is away, start it;"
            " boards keep what they measure meanwhile.",
        )


def _check_sqlite() -> Iterator[Finding]:
    path = Path(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA quick_check({DAMAGE_SHOWN})")
        damage = [row[0] for row in cursor.fetchall()]
    if damage != ["ok"]:
        yield fault(
            "database-damaged",
            f"The database is damaged: {' '.join('; '.join(damage).split())[:300]}",
            "Stop Wattkeep, keep a copy of the data folder, and bring back a backup"
            " (wattkeep restore).",
        )
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size > LARGE_WAL_BYTES:
        yield risk(
            "large-wal",
            f"{wal.name} has grown to {wal.stat().st_size / 1024**2:,.0f} MB: something keeps the"
            " database open and reading.",
            "End other programs that read the database, or restart Wattkeep.",
        )


def _check_postgres() -> Iterator[Finding]:
    if connection.pg_version < OLDEST_POSTGRES:  # type: ignore[attr-defined]  # PostgreSQL's
        yield fault("old-postgres", "PostgreSQL is older than 15.", "Update PostgreSQL.")
    with connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {name}")
            if cursor.fetchone()[0] == "off":
                yield fault(
                    "not-durable",
                    f"PostgreSQL runs with {name} = off: readings that were acknowledged can be"
                    " lost in a power cut.",
                    f"Set {name} = on in postgresql.conf and reload.",
                )


def check_tasks(now: datetime) -> Iterator[Finding]:
    """Find periodic tasks that fail, or that nobody does any more."""
    for lease in _leases_in_use():
        if lease.error:
            yield fault(
                "task-fails",
                f"The task {lease.name!r}{_purpose(lease)} fails:"
                f" {lease.error.strip().splitlines()[-1][:200]}",
                f"It is tried again by itself. If this stays, {LOG} says more.",
            )
        elif lease.done_at is not None and now - lease.done_at > TASK_STUCK:
            yield fault(
                "task-stuck",
                f"The task {lease.name!r}{_purpose(lease)} was last done at"
                f" {lease.done_at:%Y-%m-%d %H:%M} UTC.",
                f"Is Wattkeep running? If so, restart it; {LOG} says what was in its way.",
            )


def _purpose(lease: Lease) -> str:
    purpose = PURPOSES.get(lease.name.partition("-")[0])
    return f", which {purpose}," if purpose else ""


def _leases_in_use() -> list[Lease]:
    """Return the leases of tasks, without those nobody takes any more.

    A task is done as a whole by servers, and in shares ("ledger-3") by workers: who changed from
    one to the other has old leases of the first.
    """
    leases = list(Lease.objects.order_by("name"))
    newest: dict[tuple[str, bool], datetime] = {}
    for lease in leases:
        kind = _kind_of(lease)
        newest[kind] = max(newest.get(kind, lease.until), lease.until)
    return [
        lease
        for lease in leases
        if newest[_kind_of(lease)] >= newest.get(_other(_kind_of(lease)), lease.until)
    ]


def _kind_of(lease: Lease) -> tuple[str, bool]:
    task, dash, _ = lease.name.partition("-")
    return task, bool(dash)


def _other(kind: tuple[str, bool]) -> tuple[str, bool]:
    return kind[0], not kind[1]


def check_backups(now: datetime) -> Iterator[Finding]:
    """Find backups that are old, missing, or on the disk that they are for."""
    folder = settings.BACKUP_DIR
    if folder is None:
        yield risk(
            "no-backups",
            "No backups are made by themselves.",
            "Set WATTKEEP_BACKUP_DIR to a folder on another disk.",
        )
        return
    last = newest(folder, owner_mark(settings.SECRET_KEY))
    if last is None or now - last > BACKUP_OLD:
        if last:
            what = f"The newest backup in {folder} is from {last:%Y-%m-%d %H:%M} UTC."
        elif folder.exists():
            what = f"There is no backup of this installation in {folder}."
        else:
            what = f"The folder for backups is not there: {folder}."
        yield fault(
            "old-backup",
            what,
            f"Is the disk there, and can Wattkeep write to it? `wattkeep backup {folder}` makes one"
            " now, or says what is in the way.",
        )
    if folder.exists() and folder.stat().st_dev == settings.DATA_DIR.stat().st_dev:
        yield risk(
            "backup-same-disk",
            f"Backups in {folder} are on the same disk as the data: they will die together.",
            "Set WATTKEEP_BACKUP_DIR to a folder on another disk, or copy them to one.",
        )


def check_messages(now: datetime) -> Iterator[Finding]:
    """Find channels whose last messages did not get through: nobody hears of an incident."""
    lost = Q(notifications__failed_at__gte=now - LOST_SHOWN)
    never = Q(last_success_at=None) | Q(notifications__failed_at__gt=F("last_success_at"))
    failing = NotificationChannel.objects.filter(~Q(last_error="") | (lost & never))
    for channel in failing.filter(is_enabled=True).select_related("user").distinct():
        row = channel.notifications.filter(failed_at__isnull=False).first()
        why = channel.last_error or (row.error if row else "")
        at = channel.last_success_at
        since = f"The last did at {at:%Y-%m-%d %H:%M} UTC." if at else "None ever did."
        yield fault(
            "failing-messages",
            f"Messages to {channel.name!r} of {channel.user} do not get through:"
            f" {' '.join(why.split())[:200]}",
            f"{since} Try it on the page (Alerts, Channels, Test), add it anew with the"
            " right address, or switch it off.",
        )


def check_devices(now: datetime) -> Iterator[Finding]:
    """Find devices that have been quiet for long, and installations nobody has taken over."""
    if awaits_first_account():
        yield risk(
            "no-account",
            "Nobody has an account yet: whoever has the setup code can take this over.",
            "Make the first account on the page, or with `wattkeep user add`.",
        )
    heard = dict(
        DeviceBoot.objects.filter(last_seen__gte=now - DEVICE_GONE).values_list("device_id", "boot")
    )
    old = Device.objects.filter(is_active=True, created_at__lt=now - DEVICE_GONE)
    quiet = [device for device in old if device.pk not in heard]
    if quiet:
        names = ", ".join(device.name for device in quiet[:5])
        more = f" and {len(quiet) - 5} more" if len(quiet) > 5 else ""  # noqa: PLR2004 - those shown
        yield risk(
            "quiet-devices",
            f"Not heard for a day: {names}{more}.",
            "Look at their power, their Wi-Fi, the server's address and the key, in this order:"
            " docs/troubleshooting.md says how. Set a device that is out of use to inactive.",
        )
