"""What a sub-agent with tools is offered, what is kept of its calls, and how they are told again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.swarm import SwarmSpec
from app.scheduler import tool_calls
from app.scheduler.conversation import Record
from app.tools.registry import Registry
from tests.support.tools import NUMBER, Probe, answer_of, calling

ROOM = 1_000_000
LEFT_OUT = "[left out: an earlier result, to keep within the model's context]"


def calls(*made: Any, **fields: Any) -> dict[str, Any]:
    """The record of one turn's calls."""
    return tool_calls.record_of(answer_of(*made, **fields))


def results(**told: str) -> Record:
    return {"kind": "results", "results": told}


# --- which tools -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({}, ("a", "b")),
        ({"tools": None}, ("a", "b")),
        ({"tools": ["b"]}, ["b"]),
        ({"tools": []}, []),  # none at all, whatever its orchestrator has
        ({"tools": ["c"]}, ["c"]),
    ],
)
def test_a_task_s_own_list_stands_in_for_its_orchestrator_s(payload: dict[str, Any], names: Sequence[str]) -> None:
    assert tool_calls.listed(SwarmSpec(agent_id="agt_1", tools=("a", "b")), payload) == names


def names_of(tools: Sequence[Any]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def test_tools_are_offered_in_the_shape_that_vendors_take() -> None:
    tools = Registry([Probe("a", description="Counts.")])

    assert tool_calls.offered(["a"], {}, [], tools) == [
        {"type": "function", "function": {"name": "a", "description": "Counts.", "parameters": NUMBER}}
    ]


def test_only_what_is_listed_and_can_be_used_here_is_offered() -> None:
    usable, other, broken = Probe("usable"), Probe("other"), Probe("broken")
    broken.reason = "not configured"
    tools = Registry([usable, other, broken])

    assert names_of(tool_calls.offered(["usable", "broken", "unheard_of"], {}, [], tools)) == ["usable"]
    assert tool_calls.offered([], {}, [], tools) == []
    broken.reason = None  # it is looked at anew before each call
    assert names_of(tool_calls.offered(["broken"], {}, [], tools)) == ["broken"]


def test_what_cannot_be_used_is_named_with_its_reason() -> None:
    usable, broken = Probe("usable"), Probe("broken")
    broken.reason = "not configured"
    tools = Registry([usable, broken])

    assert tool_calls.absent(["usable"], tools) == ""
    assert tool_calls.absent(["usable", "broken", "unheard_of"], tools) == (
        "\n\n## Tools that cannot be used here\n- broken: not configured\n- unheard_of: there is no such tool"
    )


@pytest.mark.parametrize(
    ("max_steps", "made", "offers"),
    [(3, 0, True), (3, 1, True), (3, 2, False), (3, 9, False), (1, 0, False), (None, 28, True), (None, 29, False)],
)
def test_the_last_call_is_offered_no_tools(max_steps: int | None, made: int, offers: bool) -> None:
    records: list[Record] = [calls(calling("a")), results(c1="x")] * made
    payload = {} if max_steps is None else {"max_steps": max_steps}

    assert bool(tool_calls.offered(["a"], payload, records, Registry([Probe("a")]))) is offers


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_all_of_an_answer_is_kept_that_a_later_call_must_tell() -> None:
    record = calls("Let me count.", calling("a", {"n": 1}, "x"), calling("b", "{", "y"), reasoning_content="Hm.")

    assert record == {
        "kind": "calls",
        "content": "Let me count.",
        "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "x", "name": "a", "arguments": '{"n": 1}'},
            {"id": "y", "name": "b", "arguments": "{"},
        ],
        "model": "scripted",
    }


def test_thousands_of_calls_in_one_turn_are_not_all_kept() -> None:
    """Each is answered, and all of it is sent back to the model with every later call."""
    record = calls(*(calling("a", call_id=f"c{nth}") for nth in range(5_000)))

    assert 1 <= len(record["tool_calls"]) <= 200
    assert record["tool_calls"][0]["id"] == "c0"


# --- how it is told --------------------------------------------------------------------------------------------------


def test_turns_are_told_in_order_each_call_with_its_result() -> None:
    records = [
        calls(calling("a", {"n": 1}, "c1"), calling("b", {"n": 2}, "c2")),
        results(c2="two", c1="one"),
        calls("More.", calling("a", {"n": 3}, "c1"), reasoning_content="Thinking."),
        results(c1="three"),
    ]

    first, one, two, second, three = tool_calls.told(records, ROOM)

    assert first == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "a", "arguments": '{"n": 1}'}},
            {"id": "c2", "type": "function", "function": {"name": "b", "arguments": '{"n": 2}'}},
        ],
    }
    assert one == {"role": "tool", "tool_call_id": "c1", "content": "one"}
    assert two == {"role": "tool", "tool_call_id": "c2", "content": "two"}
    assert (second["content"], second["reasoning_content"]) == ("More.", "Thinking.")
    assert three == {"role": "tool", "tool_call_id": "c1", "content": "three"}  # though the id was used before


def test_records_of_other_calls_are_not_told_here() -> None:
    answered: Record = {"kind": "answer", "content": "{}", "errors": ["wrong"]}
    records = [calls(calling("a")), results(c1="one"), answered]

    assert [message["role"] for message in tool_calls.told(records, ROOM)] == ["assistant", "tool"]


def test_arguments_that_are_no_json_are_told_as_none() -> None:
    """Strict vendors refuse the whole request for them; the result says what was wrong."""
    assistant, _ = tool_calls.told([calls(calling("a", '{"n": ')), results(c1="Error: wrong")], ROOM)

    assert assistant["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("name", ["", "functions.search", "a b", "x" * 1_000, "s\u00f6k"])
def test_a_made_up_name_is_told_as_vendors_take_names(name: str) -> None:
    assistant, _ = tool_calls.told([calls(calling(name)), results(c1="Error: no such tool")], ROOM)

    told = assistant["tool_calls"][0]["function"]["name"]
    assert 1 <= len(told) <= 64
    assert told.isascii()
    assert told.replace("_", "").replace("-", "").isalnum() or set(told) <= {"_", "-"}


def test_calls_that_share_an_id_get_one_each() -> None:
    """Some models number the calls of every turn anew, or not at all."""
    made = [calling("a", {"n": n}, call_id) for n, call_id in enumerate(["c", "c", "c_1", "", ""])]
    record = calls(*made)
    ids = [one["id"] for one in record["tool_calls"]]

    assert len(set(ids)) == 5
    assert (ids[0], ids[2], ids[3]) == ("c", "c_1", "")
    told = tool_calls.told([record, results(**{call_id: f"{n}" for n, call_id in enumerate(ids)})], ROOM)
    assert [one["id"] for one in told[0]["tool_calls"]] == ids
    assert [(one["tool_call_id"], one["content"]) for one in told[1:]] == [
        (call_id, f"{n}") for n, call_id in enumerate(ids)
    ]


def test_no_ids_that_a_model_makes_up_keep_it_from_giving_each_call_its_own() -> None:
    made = ["c", "c_3", "c_3_", "c", "c_3_3", "c", "c_5", "c_3"]
    record = calls(*(calling("a", {"n": n}, call_id) for n, call_id in enumerate(made)))
    ids = [one["id"] for one in record["tool_calls"]]

    assert len(set(ids)) == len(made)
    assert [ids[n] for n in (0, 1, 2, 4, 6)] == ["c", "c_3", "c_3_", "c_3_3", "c_5"]


def test_the_model_is_told_of_calls_that_were_too_many() -> None:
    record = calls(*(calling("a", {"n": n}, f"c{n}") for n in range(150)))

    *_, last = tool_calls.told([record, results(**{f"c{n}": f"{n}" for n in range(100)})], ROOM)

    assert last["content"] == "99\n[50 further calls were not made: 100 a turn are]"


def test_a_call_without_a_result_is_told_as_not_carried_out() -> None:
    """A request with a call that nothing answers is refused by vendors."""
    *_, lacking = tool_calls.told([calls(calling("a", call_id="x")), results()], ROOM)
    *_, last = tool_calls.told([calls(calling("a", call_id="x"))], ROOM)

    assert lacking == last == {"role": "tool", "tool_call_id": "x", "content": "Error: the call was not carried out."}


# --- room ------------------------------------------------------------------------------------------------------------


def shown(room: int, *texts: str) -> list[str]:
    """What is told of results within ``room`` characters beside the calls themselves."""
    records: list[Record] = []
    for text in texts:
        records += [calls(calling("a", "{}")), results(c1=text)]
    return [
        message["content"]
        for message in tool_calls.told(records, room + len("{}") * len(texts))
        if message["role"] == "tool"
    ]


def test_what_fits_is_whole() -> None:
    assert shown(900, "a" * 300, "b" * 300, "c" * 300) == ["a" * 300, "b" * 300, "c" * 300]


def test_the_oldest_result_is_shortened_first() -> None:
    kept = 299 - len(LEFT_OUT)

    assert shown(899, "a" * 300, "b" * 300, "c" * 300) == ["a" * kept + LEFT_OUT, "b" * 300, "c" * 300]
    assert shown(600, "a" * 300, "b" * 300, "c" * 300) == [LEFT_OUT, "b" * 300, "c" * 300]
    assert shown(300, "a" * 300, "b" * 300, "c" * 300) == [LEFT_OUT, LEFT_OUT, "c" * 300]


def test_where_there_is_no_room_only_the_newest_turn_is_told() -> None:
    assert shown(0, "a" * 300, "b" * 300) == [LEFT_OUT]


def test_one_result_above_all_room_is_cut() -> None:
    [told] = shown(1_000, "a" * 50_000)

    assert told == "a" * (1_000 - len(LEFT_OUT)) + LEFT_OUT


def wrote(nth: int, chars: int) -> list[Record]:
    """A turn that ran a long program."""
    return [calls(calling("run", {"code": "x" * chars, "n": nth}, f"c{nth}")), results(**{f"c{nth}": f"ran {nth}"})]


def test_the_arguments_of_earlier_turns_are_shortened_and_their_results_are_whole() -> None:
    records = [record for nth in range(10) for record in wrote(nth, 5_000)]

    told = tool_calls.told(records, 20_000)

    programs = [json.loads(call["function"]["arguments"]) for one in told for call in one.get("tool_calls", ())]
    assert [one["n"] for one in programs] == list(range(10))  # what is short stays as it was
    assert all(one["code"].startswith("x" * 80) for one in programs)
    assert all("[shortened: 5000 characters]" in one["code"] for one in programs)
    assert [one["content"] for one in told if one["role"] == "tool"] == [f"ran {nth}" for nth in range(10)]
    assert len(json.dumps(told)) < 1.2 * 20_000


@pytest.mark.parametrize("value", [["x" * 1_000] * 50, {"deep": {"er": "x" * 50_000}}])
def test_long_arguments_of_every_shape_are_shortened(value: Any) -> None:
    [assistant, _] = tool_calls.told([calls(calling("a", {"rows": value, "n": 1})), results(c1="done")], 2_000)

    arguments = json.loads(assistant["tool_calls"][0]["function"]["arguments"])
    assert arguments["n"] == 1
    assert len(arguments["rows"]) < 2_100
    assert "[shortened: " in arguments["rows"]


def test_turns_without_room_are_left_out_the_oldest_first() -> None:
    records = [record for nth in range(1_000) for record in wrote(nth, 200)]

    note, *told = tool_calls.told(records, 10_000)

    ids = [call["id"] for one in told for call in one.get("tool_calls", ())]
    assert 50 < len(ids) < 200
    assert ids == [f"c{nth}" for nth in range(1_000 - len(ids), 1_000)]
    assert [one["tool_call_id"] for one in told if one["role"] == "tool"] == ids
    left_out = f"[{1_000 - len(ids)} earlier steps are left out, to keep within the model's context]"
    assert note == {"role": "user", "content": left_out}


def test_thoughts_are_told_whole_or_not_at_all() -> None:
    """Vendors that want them back want all of them."""
    records: list[Record] = []
    for nth in range(10):
        made = calls("Words. " * 100, calling("a", call_id=f"c{nth}"), reasoning_content=f"{nth}" * 1_000)
        records += [made, results(**{f"c{nth}": "done"})]

    told = [one for one in tool_calls.told(records, 5_000) if one["role"] == "assistant"]

    assert [one["reasoning_content"] for one in told] == [f"{nth}" * 1_000 for nth in range(10 - len(told), 10)]
    assert 2 <= len(told) <= 5


def test_the_calls_of_one_turn_share_the_room() -> None:
    records = [calls(*(calling("a", call_id=f"c{nth}") for nth in range(3))),
               results(c0="a" * 400, c1="b" * 400, c2="c" * 400)]  # fmt: skip

    told = [message["content"] for message in tool_calls.told(records, 1_000) if message["role"] == "tool"]

    assert sum(map(len, told)) <= 1_000
    assert "a" * 400 in told
