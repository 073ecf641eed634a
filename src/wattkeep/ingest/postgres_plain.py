"""A group of nothing but plain readings as one prepared statement, which is a transaction too.

One round trip in place of three or more, and next to nothing to do on our side of it: parameters
are packed here, libpq called directly.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, pq

from wattkeep.domain.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGconn, PGresult

    from wattkeep.domain.readings import Reading

COLUMNS = "device_id, timestamp, voltage, current, power, energy, frequency, power_factor"
# Microseconds count from here in PostgreSQL's binary form.
EPOCH_MS = to_ms(datetime(2000, 1, 1, tzinfo=UTC))

_READINGS = f"INSERT INTO monitoring_energyreading ({COLUMNS})"
_CONTACTS = """
    WITH heard AS (
        INSERT INTO monitoring_deviceboot
            (device_id, boot, last_seq, ahead, first_seen, last_seen, firmware)
        SELECT d, '', 0, '', t, t, '' FROM {} AS c(d, t) ORDER BY d
        ON CONFLICT (device_id, boot) DO UPDATE
        SET last_seen = greatest(monitoring_deviceboot.last_seen, excluded.last_seen)
    )
"""
_ROWS = "SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"
_ROW = "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
_STATEMENTS = {
    b"wattkeep_readings": f"{_READINGS} {_ROWS}",
    b"wattkeep_readings_contacts": f"{_CONTACTS.format('unnest($9, $10)')} {_READINGS} {_ROWS}",
    # A quiet installation's commits: without lists a seventh less work there, a quarter less here.
    b"wattkeep_reading": f"{_READINGS} {_ROW}",
    b"wattkeep_reading_contact": f"{_CONTACTS.format('(VALUES ($9, $10))')} {_READINGS} {_ROW}",
}
_INT8, _TIMESTAMPTZ, _FLOAT8 = 20, 1184, 701
_ARRAY_OF = {_INT8: 1016, _TIMESTAMPTZ: 1185, _FLOAT8: 1022}
_READING_TYPES = (_INT8, _TIMESTAMPTZ, *([_FLOAT8] * 6))
_CONTACT_TYPES = (_INT8, _TIMESTAMPTZ)
_INT8_FORM, _FLOAT8_FORM = struct.Struct("!q"), struct.Struct("!d")


def prepare_plain(connection: PGconn) -> None:
    """Prepare a new connection's statements."""
    for name, statement in _STATEMENTS.items():
        _check(connection, connection.prepare(name, statement.encode(), _types(name)))


def _types(name: bytes) -> list[int]:
    """Return the types of a statement's parameters."""
    types = list(_READING_TYPES + (_CONTACT_TYPES if b"contact" in name else ()))
    return [_ARRAY_OF[one] for one in types] if b"readings" in name else types


def insert_plain(
    connection: PGconn,
    readings: Sequence[Reading],
    contacts: Sequence[tuple[int, int]],
    *,
    is_prepared: bool = True,
) -> bool:
    """Store readings and contacts, all or none; False if a reading is known already.

    Where nothing can be prepared the statement goes along, in the same round trip.

    Raises:
        psycopg.Error: the same as from a cursor.
    """
    name, parameters = _parameters(readings, contacts)
    formats = [pq.Format.BINARY] * len(parameters)

    def run() -> PGresult:
        if is_prepared:
            return connection.exec_prepared(name, parameters, formats)
        return connection.exec_params(_STATEMENTS[name].encode(), parameters, _types(name), formats)

    try:
        try:
            _check(connection, run())
        except errors.InvalidSqlStatementName:
            # psycopg lets go of all that is prepared, ours as well, wherever something was undone.
            prepare_plain(connection)
            _check(connection, run())
    except errors.UniqueViolation:
        return False
    return True


def _parameters(
    readings: Sequence[Reading], contacts: Sequence[tuple[int, int]]
) -> tuple[bytes, list[bytes]]:
    """Return which statement stores these, and with which parameters."""
    if len(readings) == 1 and len(contacts) <= 1:
        if not contacts:
            return b"wattkeep_reading", _values(readings[0])
        return b"wattkeep_reading_contact", _values(readings[0]) + _values(contacts[0])
    arrays = _arrays(readings, _READING_TYPES)
    if not contacts:
        return b"wattkeep_readings", arrays
    return b"wattkeep_readings_contacts", arrays + _arrays(contacts, _CONTACT_TYPES)


def _values(row: tuple[Any, ...]) -> list[bytes]:
    """Return a row, the second column of which is epoch milliseconds, as binary values."""
    device_id, at_ms, *measured = row
    return [
        _INT8_FORM.pack(device_id),
        _INT8_FORM.pack((at_ms - EPOCH_MS) * 1000),
        *[_FLOAT8_FORM.pack(value) for value in measured],
    ]


def _arrays(rows: Sequence[tuple[Any, ...]], types: tuple[int, ...]) -> list[bytes]:
    """Return a table's columns, the second of them epoch milliseconds, as binary arrays."""
    columns = list(zip(*rows, strict=True))
    columns[1] = tuple([(ms - EPOCH_MS) * 1000 for ms in columns[1]])
    count = len(rows)
    return [
        _array(count, kind == _FLOAT8).pack(
            1,
            0,
            kind,
            count,
            1,
            *chain.from_iterable(zip(repeat(8), column)),
        )
        for kind, column in zip(types, columns, strict=True)
    ]


@lru_cache(1024)
def _array(count: int, is_float: bool) -> struct.Struct:  # noqa: FBT001 - a cache's key
    """Return the form: dimensions, nulls, element type, length, first index; then size, value."""
    return struct.Struct("!iiiii" + ("id" if is_float else "iq") * count)


def _check(connection: PGconn, result: PGresult) -> None:
    if result.status == pq.ExecStatus.COMMAND_OK:
        return
    if connection.status != pq.ConnStatus.OK:
        # Nobody knows whether it was committed: the caller tries again as one who may have been.
        raise psycopg.OperationalError(connection.get_error_message())
    raise errors.error_from_result(result)
