"""What spreads the telemetry over the servers of a Citus cluster, in order, if it is missing.

Telemetry is spread by device. Everything else stays on the coordinator, with its foreign keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction

from wattkeep.monitoring.partitions import TABLE, flatten_statements, is_partitioned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DISTRIBUTED = (
    TABLE,
    "monitoring_readingblock",
    "monitoring_energyslot",
    "monitoring_deviceboot",
    "monitoring_meterevent",
)
SHARDS_A_WORKER = 8
PORT = 5432
MOST_PORT = 65_535


class DistributeError(Exception):
    """The tables cannot be distributed; the message says what is missing."""


class Node(NamedTuple):
    """A server of the cluster."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Node:
        """Read `host` or `host:port`.

        Raises:
            DistributeError: it is neither.
        """
        host, _, port = text.partition(":")
        if not host or not (port or str(PORT)).isascii() or (port and not port.isdigit()):
            raise DistributeError(f"{text!r} is no server: write host:port")
        number = int(port or PORT)
        if not 0 < number <= MOST_PORT:
            raise DistributeError(f"{text!r} has no port from 1 to {MOST_PORT}")
        return cls(host, number)


class Step(NamedTuple):
    """Statements of one transaction, and what they are for."""

    why: str
    statements: tuple[str, ...]


def plan(coordinator: Node, workers: Sequence[Node]) -> list[Step]:
    """Return the steps that are still to be done.

    Raises:
        DistributeError: this is no database that can be distributed, or it has no workers.
    """
    _require_citus()
    known = _nodes()
    missing = [one for one in workers if one not in known.values()]
    count = len(missing) + sum(1 for group in known if group > 0)
    if not count:
        raise DistributeError("there is no worker yet: name each with --worker host:port")
    distributed = _distributed()
    steps = []
    if TABLE not in distributed and is_partitioned():
        steps.append(
            Step(
                "The readings' daily partitions become one table: nothing is stored meanwhile",
                tuple(flatten_statements()),
            )
        )
    if 0 not in known:
        steps.append(_call("This server coordinates", "citus_set_coordinator_host", coordinator))
    steps += [_call(f"{one.host} takes shards", "citus_add_node", one) for one in missing]
    shards = SHARDS_A_WORKER * count
    steps += [_distribute(name, shards) for name in DISTRIBUTED if name not in distributed]
    steps += [
        Step(
            f"What {name} left on the coordinator goes",
            (f"SELECT truncate_local_data_after_distributing_table('{name}')",),
        )
        for name in DISTRIBUTED
        if name not in distributed or _is_left_here(name)
    ]
    if steps:
        role = "ALTER ROLE CURRENT_USER SET citus.max_adaptive_executor_pool_size = 1"
        steps.append(Step("One connection to each worker is quickest", (role,)))
    return steps


def run(steps: Sequence[Step]) -> Iterator[Step]:
    """Do the steps one by one; yield each before it is done."""
    for step in steps:
        yield step
        if len(step.statements) == 1:
            # Some of Citus's functions refuse to be part of a transaction.
            _execute(step.statements)
        else:
            with transaction.atomic():
                _execute(step.statements)


def _execute(statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _call(why: str, function: str, node: Node) -> Step:
    host = node.host.replace("'", "''")
    return Step(why, (f"SELECT {function}('{host}', {node.port})",))


def _distribute(name: str, shards: int) -> Step:
    if name == TABLE:
        how = (
            f"create_distributed_table_concurrently('{name}', 'device_id', shard_count => {shards})"
        )
        return Step("Readings are spread while they go on arriving", (f"SELECT {how}",))
    how = f"create_distributed_table('{name}', 'device_id', colocate_with => '{TABLE}')"
    return Step(f"{name} goes where its devices' readings are", (f"SELECT {how}",))


def _require_citus() -> None:
    if connection.vendor != "postgresql":
        raise DistributeError(
            "only PostgreSQL can be distributed: move there first with `wattkeep db move`"
        )
    if _value("SELECT to_regproc('create_distributed_table') IS NOT NULL"):
        return
    is_there = _value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citus'")
    if not is_there:
        raise DistributeError(
            "the extension Citus is not installed on this server: install its package, put citus"
            " into shared_preload_libraries, restart PostgreSQL, then CREATE EXTENSION citus"
        )
    raise DistributeError(
        "the extension Citus is not in this database: put citus into shared_preload_libraries,"
        " restart PostgreSQL, then CREATE EXTENSION citus here and on each worker"
    )


def _nodes() -> dict[int, Node]:
    """Return group → server; the coordinator's group is 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT groupid, nodename, nodeport FROM pg_dist_node")
        return {row[0]: Node(row[1], row[2]) for row in cursor.fetchall()}


def _distributed() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT logicalrelid::regclass::text FROM pg_dist_partition")
        return {name for (name,) in cursor.fetchall()}


def _is_left_here(name: str) -> bool:
    return bool(_value(f"SELECT pg_relation_size('{name}') > 0"))


def _value(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return row[0] if row else None
