"""A PostgreSQL database as it is opened: what else is in it is left alone, and keys are looked up by their indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import text

from app.storage import assignments
from app.storage.dialect import Statement
from app.storage.dialect.postgres import BY_KEY, compiled, connect, reading_engine
from app.storage.engine import open_database
from tests.support.postgres import server

pytestmark = pytest.mark.anyio

_STATEMENTS = {
    "claim": assignments._CLAIM,
    "to do": assignments._TO_DO,
    "record": assignments._RECORD,
    "heard": assignments._HEARD,
    "claimed": assignments._CLAIMED,
}


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


@pytest.mark.parametrize("name", _STATEMENTS)
async def test_what_workers_and_runners_write_of_calls_is_found_by_key_whatever_the_statistics_say(
    url: str, name: str
) -> None:
    async with open_database(url):
        pass
    writer = await connect(url, settings=BY_KEY)
    await writer.execute(
        "INSERT INTO assignments (swarm_id, ix, attempt, step, nth, claim)"
        " SELECT 's' || n % 7, n, 1, 0, 0, 0 FROM generate_series(1, 5000) AS n"
    )

    for statistics in ("", "ANALYZE assignments", "DELETE FROM assignments", "VACUUM ANALYZE assignments"):
        if statistics:
            await writer.execute(statistics)
        plan = json.loads(await writer.fetchval("EXPLAIN (FORMAT JSON) " + _with_constants(_STATEMENTS[name])))
        read = [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "assignments"]
        looked_up = [node for node in read if "Scan" in node["Node Type"]]
        assert looked_up, plan
        assert all("(nth = " in node.get("Index Cond", "") for node in looked_up), json.dumps(plan)
    await writer.close(timeout=5.0)


async def test_a_page_is_read_in_the_order_of_its_index_before_there_are_statistics(url: str) -> None:
    async with open_database(url):
        pass
    others = await asyncpg.connect(url)
    await others.execute(
        "INSERT INTO events (swarm_id, first_seq, last_seq, bodies)"
        " SELECT 's' || n % 2, n, n, '{}' FROM generate_series(1, 10000) AS n"
    )
    await others.close()
    engine = reading_engine(url)
    async with engine.connect() as reader:
        page = "SELECT bodies FROM events WHERE swarm_id = 's1' AND first_seq > 10 ORDER BY first_seq LIMIT 32"
        plan = (await reader.execute(text(f"EXPLAIN (FORMAT JSON) {page}"))).scalar_one()
    await engine.dispose()

    assert [node["Node Type"] for node in _nodes(plan[0]["Plan"])] == ["Limit", "Index Scan"]


def _with_constants(statement: Statement) -> str:
    """The statement as the server is sent it, with values in place of its parameters."""
    one = compiled(statement)
    row = statement.row(
        {"swarm_id": "s1", "ix": 1, "attempt": 1, "step": 0, "nth": 0}
        | {"claim": 0, "worker_id": "w", "told": "{}", "orphans": 1}
    )
    sql = one.sql
    for number, value in reversed(list(enumerate(one.arguments(row), 1))):
        sql = sql.replace(f"${number}", "'" + str(value).replace("'", "''") + "'")
    return sql


def _nodes(plan: dict[str, object]) -> Iterator[dict[str, str]]:
    yield plan  # type: ignore[misc]
    for inner in plan.get("Plans", ()):  # type: ignore[attr-defined]
        yield from _nodes(inner)
