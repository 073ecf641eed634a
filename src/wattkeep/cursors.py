"""How Django's statements go to PostgreSQL: prepared, or with their values written into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from psycopg import ClientCursor, Cursor
from psycopg.errors import FeatureNotSupported
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from psycopg.abc import Params

# One with more values holds a list of them: it is hardly ever asked again with as many, its plan
# depends on them, and beyond 65,535 of them PostgreSQL takes none apart from their statement.
MOST_APART = 50


class PreparingCursor(Cursor[Any]):
    """A cursor that prepares what a connection is asked again and again.

    Reading and planning a small statement takes PostgreSQL longer than carrying it out.
    """

    def execute(
        self,
        query: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Execute a statement; what is prepared, and when, is psycopg's business."""
        if params is not None and len(params) > MOST_APART:
            written = ClientCursor(self.connection).mogrify(query, params)
            return super().execute(written, prepare=False, binary=binary)
        try:
            return super().execute(query, params, prepare=prepare, binary=binary)
        except FeatureNotSupported:
            # A column that it returns has got another type since it was prepared. In a transaction
            # nothing can be tried again; whoever undoes that has everything prepared anew.
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            self.connection.execute("DEALLOCATE ALL")
            return super().execute(query, params, prepare=False, binary=binary)
