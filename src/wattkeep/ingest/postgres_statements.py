"""What is said to PostgreSQL when readings are written, and the forms that values take."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from wattkeep.ingest.postgres_plain import COLUMNS, EPOCH_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AS_INSTANT = "'epoch'::timestamptz + {} * interval '1 millisecond'"
AS_MS = "(extract(epoch FROM {}) * 1000)::bigint"
INSERT = f"""
    INSERT INTO monitoring_energyreading ({COLUMNS})
    SELECT d, {AS_INSTANT.format("t")}, v, i, p, e, f, pf
    FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::float8[], %s::float8[],
                %s::float8[], %s::float8[], %s::float8[]) AS r(d, t, v, i, p, e, f, pf)
"""  # noqa: S608 - constants only
INSERT_IF_NEW = f"""
    {INSERT} ON CONFLICT DO NOTHING RETURNING device_id, {AS_MS.format("timestamp")}
"""
COPY = f"COPY monitoring_energyreading ({COLUMNS}) FROM STDIN (FORMAT binary)"
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_ROW = struct.Struct("!hiqiqidididididid").pack
COPY_END = b"\xff\xff"
COPY_EPOCH_US = EPOCH_MS * 1000
KNOWN = f"""
    SELECT device_id, {AS_MS.format("timestamp")}, voltage, current, power, energy, frequency,
           power_factor
    FROM monitoring_energyreading
    WHERE device_id = ANY(%s)
      AND timestamp = ANY(ARRAY(SELECT {AS_INSTANT.format("t")} FROM unnest(%s::bigint[]) AS t))
"""  # noqa: S608 - constants only
NOTE_CONTACTS = f"""
    INSERT INTO monitoring_deviceboot
        (device_id, boot, last_seq, ahead, first_seen, last_seen, firmware)
    SELECT d, '', 0, '', {AS_INSTANT.format("t")}, {AS_INSTANT.format("t")}, ''
    FROM unnest(%s::bigint[], %s::bigint[]) AS c(d, t) ORDER BY d
    ON CONFLICT (device_id, boot) DO UPDATE
    SET last_seen = greatest(monitoring_deviceboot.last_seen, excluded.last_seen)
"""  # noqa: S608 - constants only
# Everybody locks boots in the same order, so nobody waits in a circle.
LOCK_BOOTS = """
    SELECT device_id, boot, last_seq, ahead FROM monitoring_deviceboot
    WHERE (device_id, boot) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
    ORDER BY device_id, boot FOR UPDATE
"""
NEW_BOOTS = """
    INSERT INTO monitoring_deviceboot
        (device_id, boot, last_seq, ahead, first_seen, last_seen, firmware)
    SELECT d, b, 0, '', now(), 'epoch', '' FROM unnest(%s::bigint[], %s::text[]) AS r(d, b)
    ORDER BY d, b ON CONFLICT DO NOTHING RETURNING device_id, boot
"""
SAVE_BOOTS = f"""
    UPDATE monitoring_deviceboot SET
        last_seq = r.last_seq, ahead = r.ahead, firmware = r.firmware, uptime_s = r.uptime_s,
        rssi_dbm = r.rssi_dbm, free_heap = r.free_heap,
        last_seen = greatest(monitoring_deviceboot.last_seen, {AS_INSTANT.format("r.seen_ms")})
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[],
                %s::bigint[], %s::int[], %s::int[])
        AS r(device_id, boot, last_seq, ahead, seen_ms, firmware, uptime_s, rssi_dbm, free_heap)
    WHERE monitoring_deviceboot.device_id = r.device_id AND monitoring_deviceboot.boot = r.boot
"""  # noqa: S608 - constants only
# Locked: another process may prolong the same silence by windows of another boot.
SILENCE_BEFORE = f"""
    SELECT device_id, kind, {AS_MS.format("timestamp")}, {AS_MS.format("until")}, windows
    FROM monitoring_meterevent
    WHERE device_id = %s AND kind = 'silent' AND timestamp <= {AS_INSTANT.format("%s::bigint")}
    ORDER BY timestamp DESC LIMIT 1 FOR UPDATE
"""  # noqa: S608 - constants only
SAVE_EVENT = f"""
    INSERT INTO monitoring_meterevent (device_id, kind, timestamp, until, windows)
    VALUES (%s, %s, {AS_INSTANT.format("%s::bigint")}, {AS_INSTANT.format("%s::bigint")}, %s)
    ON CONFLICT (device_id, kind, timestamp) DO UPDATE
    SET until = greatest(monitoring_meterevent.until, excluded.until), windows = excluded.windows
"""  # noqa: S608 - constants only
SAVE_MARK = f"""
    INSERT INTO monitoring_ledgermark AS mark (device_id, start, until, touched)
    VALUES (%s, {AS_INSTANT.format("%s::bigint")}, {AS_INSTANT.format("%s::bigint")}, 0)
    ON CONFLICT (device_id, start) DO UPDATE SET touched = mark.touched + 1,
        until = CASE WHEN mark.until >= excluded.until THEN mark.until
                     WHEN mark.until < excluded.until THEN excluded.until END
"""  # noqa: S608 - constants only


def copy_rows(readings: Iterable[tuple[float, ...]]) -> bytes:
    """Return readings in COPY's binary form: a third of the time that writing rows of text takes.

    Each row is its number of columns, then each column's length and value; an instant counts
    microseconds from 2000.
    """
    rows = [
        COPY_ROW(8, 8, d, 8, ms * 1000 - COPY_EPOCH_US, 8, v, 8, i, 8, p, 8, e, 8, f, 8, pf)
        for d, ms, v, i, p, e, f, pf in readings
    ]
    return b"".join([COPY_HEAD, *rows, COPY_END])


def columns_of(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return a table of rows as one list a column, as `unnest` takes it."""
    return [list(column) for column in zip(*rows, strict=True)]
