"""Rows become balanced chunks in order, with ids that depend on nothing but the rows."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decompose.requests import Bounds, RowsRequest, TaskFields
from app.domain.decompose.rows import row_tasks
from app.domain.errors import InvalidRequest


def sizes(rows: int, agents: int | None) -> list[int]:
    tasks = row_tasks(RowsRequest(data=list(range(rows)), num_agents=agents), Bounds())
    return [len(task.data["rows"]) for task in tasks]


def test_ten_thousand_rows_go_to_a_hundred_agents_with_a_hundred_rows_each() -> None:
    tasks = row_tasks(RowsRequest(data=[{"n": n} for n in range(10_000)], num_agents=100), Bounds())

    assert [len(task.data["rows"]) for task in tasks] == [100] * 100
    assert [row["n"] for task in tasks for row in task.data["rows"]] == list(range(10_000))
    assert tasks[7].data["context"] == {
        "chunk_index": 7, "total_chunks": 100, "row_count": 100, "total_rows": 10_000,
    }  # fmt: skip
    assert len({task.id for task in tasks}) == 100


@pytest.mark.parametrize(
    ("rows", "agents", "expected"),
    [
        (10, 3, [4, 3, 3]),
        (11, 4, [3, 3, 3, 2]),
        (3, 8, [1, 1, 1]),
        (1, 1, [1]),
        (250, None, [3] * 50 + [2] * 50),
        (7, None, [1] * 7),
    ],
)
def test_chunks_differ_by_one_row_at_most(rows: int, agents: int | None, expected: list[int]) -> None:
    assert sizes(rows, agents) == expected


@given(st.integers(1, 300), st.integers(1, 400))
def test_every_row_is_in_one_chunk_and_in_order(rows: int, agents: int) -> None:
    tasks = row_tasks(RowsRequest(data=list(range(rows)), num_agents=agents), Bounds())

    chunks = [task.data["rows"] for task in tasks]
    assert [row for chunk in chunks for row in chunk] == list(range(rows))
    assert len(chunks) == min(rows, agents)
    assert max(map(len, chunks)) - min(map(len, chunks)) <= 1
    assert [task.data["context"]["row_count"] for task in tasks] == [len(chunk) for chunk in chunks]


def test_an_id_is_the_chunk_number_and_a_hash_of_its_content() -> None:
    [first, second] = row_tasks(RowsRequest(data=[{"b": 1, "a": "ü"}, 2.5], num_agents=2), Bounds())

    # Each part is preceded by its length in bytes: the index, then the row as canonical JSON.
    digest = hashlib.sha256('1:016:{"a":"ü","b":1}'.encode()).hexdigest()
    assert first.id == f"rows-000-{digest[:10]}"
    assert second.id.startswith("rows-001-")


def test_the_same_rows_get_the_same_ids_whatever_the_order_of_their_fields() -> None:
    def ids(data: list[Any]) -> list[str]:
        return [task.id for task in row_tasks(RowsRequest(data=data, num_agents=2), Bounds())]

    assert ids([{"a": 1, "b": 2}, 3]) == ids([{"b": 2, "a": 1}, 3])
    assert ids([{"a": 1, "b": 2}, 3]) != ids([{"a": 1, "b": 3}, 3])
    assert len(set(ids(["same", "same"]))) == 2


def test_prompt_role_and_further_fields_reach_every_task() -> None:
    fields = TaskFields(role="analyzer", complexity=3, extra={"model": "m"})
    tasks = row_tasks(RowsRequest(data=[1, 2], prompt="Add them up", fields=fields), Bounds())

    assert [(task.prompt, task.role, task.complexity, dict(task.extra)) for task in tasks] == [
        ("Add them up", "analyzer", 3, {"model": "m"})
    ] * 2
    assert "data.rows" in (row_tasks(RowsRequest(data=[1]), Bounds())[0].prompt or "")


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        (RowsRequest(data=[]), "/decompose/data"),
        (RowsRequest(data=[1], num_agents=0), "/decompose/num_agents"),
        (RowsRequest(data=list(range(60)), num_agents=51), "/decompose/num_agents"),
        (RowsRequest(data=["x" * 3000] * 4, num_agents=1), "/decompose/num_agents"),
        (RowsRequest(data=["x", "y" * 9000], num_agents=2), "/decompose/data/1"),
        (RowsRequest(data=["x"] * 50, num_agents=50, prompt="p" * 3000), "/decompose"),
    ],
)
def test_what_cannot_be_made_names_its_field(request_: RowsRequest, pointer: str) -> None:
    bounds = Bounds(max_tasks=50, max_input_bytes=12_000, max_total_bytes=100_000)

    with pytest.raises(InvalidRequest) as caught:
        row_tasks(request_, bounds)

    assert caught.value.errors[0].pointer == pointer
