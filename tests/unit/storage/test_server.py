"""A PostgreSQL database as it is opened: what else is in it is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from app.storage.engine import open_database
from tests.support.postgres import server

pytestmark = pytest.mark.anyio


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as made:
        yield made


async def test_views_and_tables_of_others_in_the_schema_are_left_as_they_are(url: str) -> None:
    others = await asyncpg.connect(url)
    await others.execute("CREATE VIEW watched AS SELECT 'a'::TEXT AS query; CREATE TABLE theirs (body TEXT)")

    async with open_database(url):  # what it finds, and what the first process made, the second finds
        pass
    async with open_database(url):
        pass

    collations = await others.fetch(
        "SELECT table_name, collation_name FROM information_schema.columns"
        " WHERE (table_name, column_name) IN (('watched', 'query'), ('theirs', 'body'), ('swarms', 'id'))"
    )
    assert dict(map(tuple, collations)) == {"watched": None, "theirs": None, "swarms": "C"}
    await others.execute("DROP VIEW watched; DROP TABLE theirs")
    await others.close()
