"""What a reader leaves behind when whoever asked went away."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from app.storage.dialect.sqlite import connect_writer, reading_engine
from app.storage.reader import Reader
from tests.support.service import poll

_SLOW = """
    WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
    SELECT n, (SELECT count(*) FROM kept) FROM numbers WHERE n > 999000
"""


@pytest.mark.anyio
async def test_a_query_that_is_cancelled_keeps_no_snapshot_open(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    gc.disable()  # it would close what the query left behind sooner or later
    try:
        with closing(connect_writer(path)) as writer:
            writer.execute("CREATE TABLE kept (n INTEGER)")
            reader = Reader(reading_engine(path))

            async def read() -> None:
                async with reader.connect() as connection:
                    await connection.execute(text(_SLOW))

            asking = asyncio.create_task(read())
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            writer.execute("INSERT INTO kept VALUES (1)")

            await asyncio.to_thread(poll, lambda: _is_whole(path), what="that nobody reads what was before")
            await reader.dispose()
    finally:
        gc.enable()


def _is_whole(path: Path) -> bool:
    """Whether the whole log could be written into the file."""
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return bool(busy == 0)
