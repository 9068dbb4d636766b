"""What cannot run as a plan is refused, within bounds and with words that a model can act on."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.graph import Graph
from app.domain.plan import PLAN_SCHEMA, InvalidPlan, plan_schema
from tests.support.plans import FILES, errors_of, one_error, parse, subtask


@pytest.mark.parametrize("sent", [None, 7, "Do it", True, {}, {"goal": "x"}, {"subtasks": "x"}, {"plan": {"plan": []}}])
def test_what_holds_no_subtasks_is_refused_with_the_shape_expected(sent: Any) -> None:
    assert one_error(sent) == 'expected a JSON object {"subtasks": [{"id": ..., "prompt": ...}, ...]}; send one'


def test_an_empty_list_is_refused() -> None:
    assert one_error({"subtasks": []}) == "/subtasks: is empty; list at least one subtask"


@pytest.mark.parametrize(
    ("item", "came"), [(None, " (null came)"), ([], " (a list came)"), (True, " (a boolean came)"), ({"id": "b"}, "")]
)
def test_a_subtask_without_words_is_refused(item: Any, came: str) -> None:
    assert one_error([subtask("a"), item]) == (
        f"/subtasks/1/prompt: missing; say in words what the sub-agent has to do{came}"
    )


def test_a_prompt_of_a_hundred_thousand_characters_is_the_longest() -> None:
    assert len(parse([{"id": "a", "prompt": "x" * 100_000}]).subtasks[0].prompt or "") == 100_000
    assert one_error([{"id": "a", "prompt": "x" * 100_001}]) == (
        "/subtasks/0/prompt: has 100001 characters, at most 100000 are allowed; shorten it"
    )


def test_prompts_are_bounded_together() -> None:
    assert "at most 4000000 are allowed" in one_error([f"{at}" + "x" * 99_000 for at in range(41)], max_subtasks=41)


def test_an_id_is_bounded() -> None:
    assert one_error([subtask("a" * 201)]) == "/subtasks/0/id: has 201 characters, at most 200 are allowed"


def test_all_errors_come_together_twenty_at_most() -> None:
    found = errors_of([subtask("a", "x"), subtask("a"), {"id": "b"}, subtask("c", sources=["y"])])
    assert [error.partition(":")[0] for error in found] == [
        "/subtasks/2/prompt",
        "/subtasks/1/id",
        "/subtasks/0/depends_on",
        "/subtasks/3/sources",
    ]

    many = errors_of([subtask(f"s{at}", "x") for at in range(50)], max_subtasks=50)
    assert len(many) == 20
    assert many[-1] == "and 31 more"


def test_reading_stops_where_nearly_everything_is_wrong() -> None:
    started = time.process_time()

    found = errors_of([subtask(f"s{at}", *range(90_000, 90_100)) for at in range(5_000)], max_subtasks=5_000)

    assert (len(found), found[-1]) == (20, "and at least 181 more")
    assert time.process_time() - started < 5


def test_other_fields_reach_the_sub_agent_but_none_that_spends_the_clients_money() -> None:
    costly = {"model": "gpt-x", "tools": ["shell"], "token_budget": 10**9, "tier": "thinking", "Max-Output-Tokens": 9}
    others = {"output_schema": {}, "agent_prompt": "Obey.", "task_id": "b", "extra": {"tier": "thinking"}}
    [task] = parse([subtask("a", title="Prices", expected_output="A table", **costly, **others)]).subtasks

    assert task.extra == {"title": "Prices", "expected_output": "A table"}


def test_further_fields_are_fifty_at_most() -> None:
    plan = parse([subtask("a", **{f"k{at}": at for at in range(51)})])

    assert len(plan.subtasks[0].extra) == 50
    assert plan.warnings == ("/subtasks/0: more than 50 further fields; the others are left out",)


def test_fields_that_are_too_large_or_deep_are_left_out_with_a_warning() -> None:
    deep: Any = "x"
    for _ in range(12):
        deep = [deep]
    plan = parse([subtask("a", notes="n" * 20_001, nested=deep, fine=[1])])

    assert plan.subtasks[0].extra == {"fine": [1]}
    assert plan.warnings == (
        "/subtasks/0/notes: has more than 20000 characters; left out",
        "/subtasks/0/nested: nested more than 8 levels deep; left out",
    )


def test_a_plan_nested_without_end_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    assert "nested more than 40 levels deep" in one_error({"subtasks": deep})


def test_what_cannot_be_sent_as_utf8_is_replaced() -> None:
    plan = parse([{"id": "a\ud800", "prompt": "x\udfff\0y", "role": "r\ud800", "note": {"k\ud800": "\ud800"}}])

    json.dumps([plan.subtasks[0].id, plan.subtasks[0].prompt, plan.subtasks[0].role]).encode("utf-8")
    assert (plan.subtasks[0].id, plan.subtasks[0].prompt, plan.subtasks[0].role) == ("a?", "x?y", "r?")
    assert plan.subtasks[0].extra == {"note": {"k?": "?"}}


def test_the_schema_of_a_goal_names_its_attachments_and_its_bound() -> None:
    narrowed = plan_schema(max_subtasks=7, attachments=FILES)
    subtasks = narrowed["properties"]["subtasks"]

    assert subtasks["maxItems"] == 7
    assert subtasks["items"]["properties"]["sources"]["items"] == {"type": "string", "enum": list(FILES)}
    assert "sources" not in plan_schema(max_subtasks=7, attachments=())["properties"]["subtasks"]["items"]["properties"]
    assert "maxItems" not in PLAN_SCHEMA["properties"]["subtasks"]
    for schema in (PLAN_SCHEMA, narrowed):
        jsonschema.Draft202012Validator.check_schema(schema)


words = st.sampled_from(["a", "b", "t1", "1", "research it", "", "none", "c" * 300, "\ud800"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3))
fields = st.sampled_from(
    [
        "id",
        "prompt",
        "title",
        "role",
        "type",
        "depends_on",
        "complexity",
        "sources",
        "tags",
        "data",
        "name",
        "task",
        "x",
    ]
)
items = scalars | st.dictionaries(fields, anything, max_size=6)
plans = st.dictionaries(
    st.sampled_from(["subtasks", "tasks", "plan", "roles", "dependencies", "complexity", "ids", "synthesis"]),
    st.lists(items, max_size=6) | anything,
    max_size=5,
)


@given(plans | anything)
def test_whatever_is_sent_is_a_plan_that_can_run_or_an_invalid_one(sent: Any) -> None:
    try:
        plan = parse(sent, max_subtasks=4, attachments=("a", "b.md"))
    except InvalidPlan as exc:
        refused = exc.errors
    else:
        refused = ()
    "".join(refused).encode("utf-8")
    assert len(refused) <= 20
    if refused:
        return

    assert 1 <= len(plan.subtasks) <= 4
    Graph.build([task.id for task in plan.subtasks], [task.depends_on for task in plan.subtasks])
    before: set[str] = set()
    for task in plan.subtasks:
        assert set(task.depends_on) <= before
        before.add(task.id)
    for task in plan.subtasks:
        assert task.prompt
        assert 1 <= len(task.id) <= 200
        assert set(task.sources) <= {"a", "b.md"}
        assert task.complexity is None or 1 <= task.complexity <= 10
        json.dumps([task.id, task.prompt, task.role, dict(task.extra), task.data], allow_nan=False).encode("utf-8")
        f"{task.id}{task.prompt}{task.role}{task.type}{task.extra}{task.data}".encode()
    "".join(plan.warnings).encode("utf-8")
