"""What the addresses of databases become: how long anything may take, and who pools connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

# A server that is gone without a word is noticed in 20 s; Linux would wait a quarter of an hour.
NOTICED_GONE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
# No page needs a tenth of it. What may take longer (migrations, backups) says so itself.
STATEMENT_TIMEOUT_S = 60
# Behind a lock that is held for so long something is wrong: better an error than a full house.
LOCK_TIMEOUT_S = 10
# A process that stopped in the middle of a transaction keeps vacuum from its work, and others out.
IDLE_TIMEOUT_S = 60
POOL_WAIT_S = 10
MOST_POOLED = 1000
LONGEST_TIMEOUT_S = 86_400
# A statement is prepared when a connection is asked for it the third time.
PREPARED_AFTER = 2


@dataclass(frozen=True)
class PostgresChoices:
    """How this installation talks to PostgreSQL."""

    # Connections a process keeps at most; 0: each of its threads keeps its own.
    pool: float = 0
    # In between is PgBouncer in transaction mode: nothing outlives a transaction.
    is_bounced: bool = False
    statement_timeout_s: float = STATEMENT_TIMEOUT_S

    def __post_init__(self) -> None:
        """Raise ImproperlyConfigured for what makes no sense, by the name it is set by."""
        if not 0 <= self.pool <= MOST_POOLED or self.pool != int(self.pool):
            raise ImproperlyConfigured(
                f"WATTKEEP_DATABASE_POOL={self.pool:g}: write how many connections, 0 for no pool."
            )
        if not 0 <= self.statement_timeout_s <= LONGEST_TIMEOUT_S:
            raise ImproperlyConfigured(
                f"WATTKEEP_STATEMENT_TIMEOUT_S={self.statement_timeout_s:g}: write seconds up to a"
                " day, 0 for no limit."
            )


def parse_database(url: str) -> dict[str, Any]:
    """Return an address as Django's settings of a database.

    Raises:
        ImproperlyConfigured: it is none.
    """
    try:
        return dict(dj_database_url.parse(url, conn_max_age=None, conn_health_checks=True))
    except (ValueError, dj_database_url.ParseError) as error:
        raise ImproperlyConfigured(
            "the database's address cannot be understood; write it as"
            " postgres://user:password@host:5432/name"
        ) from error


def set_up_postgres(database: dict[str, Any], choices: PostgresChoices) -> None:
    """Add limits, keepalives and pooling to a PostgreSQL's settings; what its address says wins."""
    options = database.setdefault("OPTIONS", {})
    for name, value in NOTICED_GONE.items():
        options.setdefault(name, value)
    if choices.is_bounced:
        # The next transaction may be on another connection: no statement can be prepared for
        # later, no cursor stay open, and what a connection starts with is PgBouncer's business.
        options["prepare_threshold"] = None
        database["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        limits = session_settings(choices.statement_timeout_s, LOCK_TIMEOUT_S, IDLE_TIMEOUT_S)
        options.setdefault("options", limits)
        _prepare_statements(options)
    if choices.pool:
        # Between two requests a connection belongs to the pool, so no thread may keep one.
        database["CONN_MAX_AGE"] = 0
        options["pool"] = {
            "min_size": 1,
            "max_size": int(choices.pool),
            "timeout": POOL_WAIT_S,
            "max_lifetime": 3600,
        }


def _prepare_statements(options: dict[str, Any]) -> None:
    try:
        from wattkeep.cursors import PreparingCursor
    except ImportError:
        # Without psycopg; Django says so where it connects.
        return
    options.setdefault("server_side_binding", True)
    options.setdefault("cursor_factory", PreparingCursor)
    options.setdefault("prepare_threshold", PREPARED_AFTER)


def session_settings(statement_s: float, lock_s: float, idle_s: float) -> str:
    """Return the limits of a session as the server takes them with the connection's start."""
    limits = {
        "statement_timeout": statement_s,
        "lock_timeout": lock_s,
        "idle_in_transaction_session_timeout": idle_s,
    }
    told = [f"-c {name}={round(value * 1000)}" for name, value in limits.items()]
    # Compiling a statement takes longer than any of ours runs.
    return " ".join([*told, "-c jit=off"])


UNLIMITED = session_settings(0, 0, 0)
