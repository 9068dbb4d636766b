"""Group commit: everybody's writes that wait share one transaction and one fsync.

A caller's unit of work is a list of ``Op``; it is applied whole or not at all, whatever happens to its neighbours in
the same transaction. SQLite's writer is a thread (``sqlite_writer``), PostgreSQL's a few connections
(``postgres_writer``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from app.storage.dialect import Op


class Writer(Protocol):
    async def write(self, ops: Sequence[Op]) -> list[Any]:
        """Apply ``ops`` durably and return one result for each: rows for ``fetch``, else the number affected.

        Cancelling the caller does not take the unit back: it may still be written.

        Raises:
            UnexpectedRowCount: an ``expect`` was not met; nothing of this unit was written.
            ConstraintViolated: a row of that key is there already; nothing of this unit was written.
            StoreUnavailable: the database refused (disk full, I/O error, no connection); nothing of this unit was
                written. Where the connection broke in the very commit it may have been, see ``postgres_writer``.
        """
        ...
