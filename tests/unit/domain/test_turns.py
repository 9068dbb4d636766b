"""An orchestrating model's calls: what is right is carried out in parallel, what is wrong is answered in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.turns import ORCHESTRATOR_TOOLS, Call, Turn, take_turn, tool_result, tool_results


def call(call_id: str, tool: str, /, **arguments: Any) -> Call:
    return Call(id=call_id, name=tool, arguments=json.dumps(arguments))


def create(call_id: str, name: str, prompt: str = "You search.") -> Call:
    return call(call_id, "create_subagent", name=name, system_prompt=prompt)


def assign(call_id: str, agent: str, prompt: str = "Find it.", **more: Any) -> Call:
    return call(call_id, "assign_task", agent=agent, prompt=prompt, **more)


def take(*calls: Call, team: Mapping[str, str] | None = None, assigned: int = 0, turn: int = 1) -> Turn:
    return take_turn(
        calls,
        team or {},
        assigned=assigned,
        max_subagents=2,
        max_assignments=3,
        attachments=("notes.md", "sales.csv"),
        turn=turn,
    )


def test_a_sub_agent_is_created_and_given_tasks_in_the_same_turn_in_any_order() -> None:
    turn = take(assign("c1", "scout"), create("c2", "scout"), assign("c3", "scout", "And that."), turn=2)

    assert turn.team == {"scout": "You search."}
    assert json.loads(turn.replies["c2"]) == {"name": "scout", "status": "created"}
    assert [(each.call_id, each.task.id, each.task.prompt) for each in turn.assignments] == [
        ("c1", "t2-1-scout", "Find it."),
        ("c3", "t2-3-scout", "And that."),
    ]
    for each in turn.assignments:
        assert (each.task.role, each.task.extra, each.task.depends_on) == ("scout", {"agent_prompt": "You search."}, ())


def test_the_team_of_earlier_turns_is_known_and_not_changed_in_place() -> None:
    team = {"scout": "You search."}
    turn = take(create("c1", "writer"), assign("c2", "Scout", sources=["notes", "SALES.csv"]), team=team)

    assert team == {"scout": "You search."}
    assert list(turn.team) == ["scout", "writer"]
    assert turn.assignments[0].task.sources == ("notes.md", "sales.csv")
    assert turn.assignments[0].task.role == "scout"


def test_creating_a_sub_agent_again_replaces_its_prompt_without_counting() -> None:
    turn = take(create("c1", "a", "New."), team={"a": "Old.", "b": "B."})

    assert turn.team == {"a": "New.", "b": "B."}
    assert json.loads(turn.replies["c1"]) == {"name": "a", "status": "system prompt replaced"}


def test_sub_agents_beyond_the_cap_are_refused_with_those_there_are() -> None:
    turn = take(create("c1", "a"), create("c2", "b"), create("c3", "c"))

    assert list(turn.team) == ["a", "b"]
    assert turn.replies["c3"] == (
        "Error: there are 2 sub-agents, the most that are allowed. Assign tasks to these: 'a', 'b'."
    )


def test_tasks_beyond_the_cap_are_refused_and_the_model_is_told_to_answer() -> None:
    turn = take(assign("c1", "a"), assign("c2", "a"), team={"a": "A."}, assigned=2)

    assert [each.call_id for each in turn.assignments] == ["c1"]
    assert turn.replies["c2"].startswith(
        "Error: 3 tasks have been assigned, the most that are allowed. Answer the goal now"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Call(id="c", name="assign_task", arguments="{agent: a}"), "the arguments are not JSON"),
        (Call(id="c", name="assign_task", arguments="[" * 100_000), "the arguments are not JSON"),
        (Call(id="c", name="assign_task", arguments=""), "the arguments are not JSON"),
        (Call(id="c", name="assign_task", arguments='["a"]'), "not a JSON object"),
        (Call(id="c", name="assign_task", arguments=" " * 500_001), "at most 500000 are allowed"),
        (Call(id="c", name="assign_task", arguments='{"agent": ' + "9" * 5_000 + "}"), "the arguments are not JSON"),
        (call("c", "assign_task", agent="a"), "prompt is missing"),
        (call("c", "assign_task", agent="a", prompt=" "), "prompt is missing"),
        (call("c", "assign_task", agent=7, prompt="x"), "agent has to be a text"),
        (assign("c", "a", "x\ud800"), "prompt holds characters that cannot be sent"),
        (assign("c", "a", "x\0"), "prompt holds characters that cannot be sent"),
        (assign("c", "a", "x" * 100_001), "prompt has 100001 characters"),
        (assign("c", "nobody"), "there is no sub-agent 'nobody'. The sub-agents are 'a'."),
        (
            assign("c", "a", sources=["x.md"]),
            "'x.md' is no attachment, or fits several. The attachments are 'notes.md'",
        ),
        (assign("c", "a", sources=[1]), "sources has to be a list of names"),
        (assign("c", "a", sources={"x": 1}), "sources has to be a list of names"),
        (create("c", "n" * 65), "name has 65 characters, at most 64"),
        (create("c", "b", "p" * 20_001), "system_prompt has 20001 characters"),
        (call("c", "create_subagent", name="b"), "system_prompt is missing"),
        (call("c", "create_subagent", name=["b"], system_prompt="x"), "name has to be a text"),
        (call("c", "create_subagent", name="b\udc00", system_prompt="x"), "name holds characters that cannot be sent"),
        (call("c", "delete_agent", name="a"), "there is no tool 'delete_agent'. Call create_subagent or assign_task"),
        (call("c", "\ud800" * 200), "there is no tool"),
    ],
)
def test_a_wrong_call_is_answered_with_what_is_wrong_and_does_nothing(wrong: Call, said: str) -> None:
    turn = take(wrong, assign("fine", "a"), team={"a": "A."})

    assert turn.replies["c"].startswith("Error: ")
    assert said in turn.replies["c"]
    turn.replies["c"].encode("utf-8")
    assert turn.team == {"a": "A."}
    assert [each.call_id for each in turn.assignments] == ["fine"]


def test_a_task_without_any_sub_agent_says_how_to_make_one() -> None:
    assert take(assign("c", "a")).replies["c"] == (
        "Error: there is no sub-agent 'a'. There is no sub-agent yet. Call create_subagent for a new one."
    )


def test_different_calls_of_one_id_are_all_refused_and_equal_ones_count_once() -> None:
    turn = take(assign("x", "a", "one"), assign("x", "a", "two"), assign("y", "a"), assign("y", "a"), team={"a": "A."})

    assert turn.replies["x"].startswith(
        "Error: 2 different calls of this turn have the id 'x', so none was carried out."
    )
    assert [each.call_id for each in turn.assignments] == ["y"]


def test_names_that_are_no_ascii_words_still_give_ids() -> None:
    turn = take(assign("c1", "市场 Analyst!"), assign("c2", "***"), team={"市场 Analyst!": "x", "***": "y"}, turn=12)

    assert [each.task.id for each in turn.assignments] == ["t12-1-市场-analyst", "t12-2-agent"]


def test_the_tools_say_what_take_turn_asks_for() -> None:
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in ORCHESTRATOR_TOOLS}

    for each in (create("c", "a"), assign("c", "a"), assign("c", "a", sources=["notes.md"])):
        jsonschema.validate(json.loads(each.arguments), schemas[each.name])
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


texts = st.sampled_from(["a", "b", "A", "new one", "notes", "", "\ud800"])
arguments = st.text(max_size=20) | st.builds(
    json.dumps,
    st.dictionaries(
        st.sampled_from(["name", "agent", "prompt", "system_prompt", "sources"]),
        texts | st.none() | st.integers() | st.lists(texts, max_size=2),
    ),
)
names = st.sampled_from(["create_subagent", "assign_task", "other"])


@given(st.lists(st.builds(Call, id=st.sampled_from("123456789"), name=names, arguments=arguments), max_size=8))
def test_every_call_has_one_answer_or_one_task_and_no_cap_is_passed(calls: list[Call]) -> None:
    turn = take(*calls, team={"a": "A."})

    running = [each.call_id for each in turn.assignments]
    assert set(running) | set(turn.replies) == {each.id for each in calls}
    assert not set(running) & set(turn.replies)
    assert len(set(running)) == len(running) <= 3
    assert len({each.task.id for each in turn.assignments}) == len(running)
    assert len(turn.team) <= 2
    "".join(turn.replies.values()).encode("utf-8")
    assert take(*calls, team={"a": "A."}) == turn


def test_results_that_fit_come_back_whole() -> None:
    assert tool_result("12345", 5) == "12345"
    assert tool_result({"a": [1, "é"]}, 99) == '{"a":[1,"é"]}'
    assert tool_results({"x": "123", "y": "45"}, 5) == {"x": "123", "y": "45"}
    assert tool_results({}, 0) == {}


def test_a_long_result_is_cut_and_marked() -> None:
    marker = "\n[shortened: the output has 100 characters]"

    assert len(marker) == 43
    assert tool_result("x" * 100, 50) == "x" * 7 + marker
    assert tool_result("x" * 100, 10) == "[shortened"
    assert tool_result("x" * 100, 0) == ""


def test_results_share_a_room_in_proportion() -> None:
    shared = tool_results({"x": "x" * 300, "y": "y" * 100}, 200)

    assert {call_id: len(text) for call_id, text in shared.items()} == {"x": 150, "y": 50}
    assert shared["y"].startswith("yyyyyyy\n[shortened")


@given(st.dictionaries(st.text(max_size=2), st.text(max_size=300) | st.lists(st.integers())), st.integers(-5, 500))
def test_results_never_pass_their_room(outputs: dict[str, Any], room: int) -> None:
    shared = tool_results(outputs, room)

    assert list(shared) == list(outputs)
    assert sum(map(len, shared.values())) <= max(room, 0)
