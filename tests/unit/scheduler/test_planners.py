"""Planners: a supervisor's plan and its one repair, an orchestrator's turns until it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.task import TaskKind
from app.ports.provider import ToolCall
from app.scheduler.conversation import Done, GoOn, Wanting
from app.scheduler.planners import MAX_TURNS
from tests.support.agents import Agent, route, said

ROLES = {"coder": {"system_prompt": "You write code.", "capability_tags": ["python"]}}
PLAN = {
    "subtasks": [
        {"id": "read", "prompt": "Read it.", "role": "coder"},
        {"id": "sum", "prompt": "Sum up.", "depends_on": ["read"]},
    ],
    "synthesis": "In one table.",
}


def supervisor(payload: dict[str, Any] | None = None, **spec: Any) -> Agent:
    fields: dict[str, Any] = {"planner": "supervisor", "goal": "Compare.", "roles": ROLES}
    return Agent(payload or {}, kind=TaskKind.PLANNER, **(fields | spec))


def orchestrator(**spec: Any) -> Agent:
    fields: dict[str, Any] = {"planner": "orchestrator", "goal": "Compare.", "system_prompt": "Be brief."}
    return Agent({}, kind=TaskKind.PLANNER, **(fields | spec))


def create(name: str = "ada", call_id: str = "c1") -> ToolCall:
    arguments = json.dumps({"name": name, "system_prompt": f"You are {name}."})
    return ToolCall(id=call_id, name="create_subagent", arguments=arguments)


def assign(prompt: str, call_id: str, agent: str = "ada") -> ToolCall:
    return ToolCall(id=call_id, name="assign_task", arguments=json.dumps({"agent": agent, "prompt": prompt}))


# --- a supervisor ----------------------------------------------------------------------------------------------------


def test_a_plan_becomes_tasks_in_an_order_in_which_they_can_run() -> None:
    outcome = supervisor().answer(json.dumps(PLAN))

    assert isinstance(outcome, Done)
    assert [(one.id, one.prompt, one.role, one.depends_on) for one in outcome.plan] == [
        ("read", "Read it.", "coder", ()),
        ("sum", "Sum up.", None, ("read",)),
    ]
    understood = json.loads(outcome.output)
    assert understood["synthesis"] == "In one table."
    assert [one["id"] for one in understood["subtasks"]] == ["read", "sum"]


def test_a_supervisor_is_told_the_goal_the_team_and_the_bound() -> None:
    call = supervisor(max_agents=7).ask(route(structured="json_schema"))

    [asked] = call.request.messages
    for part in ("Compare.", "coder", "python", "at most 7"):
        assert part in asked["content"]
    assert call.request.response_format is not None
    schema = call.request.response_format["json_schema"]["schema"]
    assert schema["properties"]["subtasks"]["maxItems"] == 7
    assert call.request.tools == ()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("I would first read it.", "JSON"),
        ('{"subtasks": []}', "at least one subtask"),
        (json.dumps({"subtasks": [{"id": "a", "prompt": "x", "depends_on": ["b"]}]}), "'b' is no subtask"),
        (json.dumps({"subtasks": [{"id": "a", "prompt": "x", "depends_on": ["a"]}]}), "/subtasks/0"),
        (json.dumps({"subtasks": [{"id": f"t{n}", "prompt": "x"} for n in range(4)]}), "at most 3"),
        (json.dumps({"subtasks": [{"id": "~planner", "prompt": "x"}]}), "the planner's own"),
        (json.dumps({"subtasks": [{"id": "a", "prompt": "x", "sources": ["secret.txt"]}]}), "is no attachment"),
    ],
)
def test_a_plan_that_cannot_run_is_mended_once(answer: str, complaint: str) -> None:
    agent = supervisor(max_agents=3)

    outcome = agent.answer(answer)

    assert isinstance(outcome, GoOn)
    assert outcome.work == ()
    *_, wrong, asked = agent.prompts()
    assert wrong == {"role": "assistant", "content": answer}
    assert complaint in asked["content"]
    mended = agent.answer(json.dumps(PLAN))
    assert isinstance(mended, Done)
    assert len(mended.plan) == 2


def test_a_plan_that_is_wrong_twice_fails_the_attempt_and_the_next_starts_over() -> None:
    agent = supervisor()
    first = agent.prompts()
    agent.answer("no")

    outcome = agent.answer('{"subtasks": "none"}')

    assert isinstance(outcome, Wanting)
    assert (outcome.kind, outcome.retryable) == ("output_mismatch", True)
    assert agent.prompts() == first


def test_an_attachment_reaches_the_tasks_that_name_it_and_not_the_planner() -> None:
    text = "The secret figure is 42. " * 100
    agent = supervisor({"attachments": [{"name": "q1.txt", "text": text}]})
    plan = {"subtasks": [{"id": "a", "prompt": "Read.", "sources": ["q1.txt"]}, {"id": "b", "prompt": "Guess."}]}

    outcome = agent.answer(json.dumps(plan))

    content = agent.calls[0].request.messages[-1]["content"]
    assert "q1.txt" in content
    assert text not in content
    assert isinstance(outcome, Done)
    reading, guessing = outcome.plan
    assert text in json.dumps(reading.data)
    assert guessing.data is None


def test_pictures_of_a_goal_are_sent_as_they_came() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    agent = supervisor({"prompt": [{"type": "text", "text": "What is this?"}, picture]})

    [asked] = agent.prompts()

    assert asked["content"][1:] == [picture]
    assert "What is this?" in asked["content"][0]["text"]


# --- an orchestrator -------------------------------------------------------------------------------------------------


def test_the_calls_of_a_turn_become_tasks_that_run_side_by_side() -> None:
    agent = orchestrator()

    outcome = agent.answer(said(None, create(), assign("Read A.", "c2"), assign("Read B.", "c3")))

    assert isinstance(outcome, GoOn)
    assert [(one.prompt, one.role, one.depends_on, one.extra["agent_prompt"]) for one in outcome.work] == [
        ("Read A.", "ada", (), "You are ada."),
        ("Read B.", "ada", (), "You are ada."),
    ]
    assert len({one.id for one in outcome.work}) == 2


def test_the_next_turn_sees_its_calls_and_what_came_of_them() -> None:
    agent = orchestrator()
    before = agent.prompts()
    outcome = agent.answer(said("Thinking aloud.", create(), assign("Read A.", "c2"), assign("Read B.", "c3")))
    assert isinstance(outcome, GoOn)
    done, lost = outcome.work
    agent.inputs = {done.id: '"A says 42."'}  # the other one failed

    told = agent.prompts()

    assert told[:2] == before
    assert told[2]["role"] == "assistant"
    assert told[2]["content"] == "Thinking aloud."
    assert [call["id"] for call in told[2]["tool_calls"]] == ["c1", "c2", "c3"]
    replies = {message["tool_call_id"]: message["content"] for message in told[3:]}
    assert [message["role"] for message in told[3:]] == ["tool"] * 3
    assert json.loads(replies["c1"])["status"] == "created"
    assert replies["c2"] == "A says 42."
    assert "failed" in replies["c3"]
    assert lost.id not in agent.inputs


def test_an_orchestrator_ends_with_its_answer() -> None:
    agent = orchestrator()
    agent.answer(said(None, create(), assign("Read A.", "c2")))

    assert agent.answer("42, says A.") == Done(output='"42, says A."')


def test_the_ids_of_tasks_are_unique_over_the_turns() -> None:
    agent = orchestrator()
    first = agent.answer(said(None, create(), assign("Read A.", "c2")))
    second = agent.answer(said(None, create(), assign("Read A.", "c2")))

    assert isinstance(first, GoOn)
    assert isinstance(second, GoOn)
    assert not {one.id for one in first.work} & {one.id for one in second.work}


def test_what_is_wrong_with_a_call_is_told_and_the_others_are_carried_out() -> None:
    agent = orchestrator()
    broken = ToolCall(id="c9", name="assign_task", arguments='{"agent": "ada", ')

    outcome = agent.answer(said(None, create(), broken, assign("Read A.", "c2"), assign("x", "c3", agent="nobody")))

    assert isinstance(outcome, GoOn)
    assert [one.prompt for one in outcome.work] == ["Read A."]
    told = agent.prompts()
    replies = {message["tool_call_id"]: message["content"] for message in told if message["role"] == "tool"}
    assert replies["c9"].startswith("Error: the arguments are not JSON")
    assert replies["c3"].startswith("Error: there is no sub-agent 'nobody'")
    [sent_back] = [call for call in told[2]["tool_calls"] if call["id"] == "c9"]
    assert json.loads(sent_back["function"]["arguments"]) == {}  # strict vendors refuse what is no JSON


def test_a_turn_without_work_goes_on_at_once() -> None:
    outcome = orchestrator().answer(said(None, create()))

    assert isinstance(outcome, GoOn)
    assert outcome.work == ()


def test_assignments_count_over_all_turns() -> None:
    agent = orchestrator(max_agents=2)
    agent.answer(said(None, create(), assign("1", "c2")))

    outcome = agent.answer(said(None, assign("2", "c3"), assign("3", "c4")))

    assert isinstance(outcome, GoOn)
    assert [one.prompt for one in outcome.work] == ["2"]
    [refused] = [message for message in agent.prompts() if message.get("tool_call_id") == "c4"]
    assert "2 tasks have been assigned" in refused["content"]


def test_the_last_turn_has_no_tools_and_a_call_of_one_ends_the_attempt() -> None:
    agent = orchestrator()
    for _ in range(MAX_TURNS - 1):
        assert agent.ask().request.tools
        agent.answer(said(None, create()))

    assert agent.ask().request.tools == ()
    outcome = agent.answer(said(None, create()))

    assert isinstance(outcome, Wanting)
    assert (outcome.kind, outcome.retryable) == ("max_turns", False)


def test_long_results_come_back_shortened_to_what_the_model_holds() -> None:
    agent = orchestrator()
    outcome = agent.answer(said(None, create(), *(assign("Read.", f"c{n}") for n in range(2, 6))))
    assert isinstance(outcome, GoOn)
    agent.inputs = {one.id: json.dumps("figure " * 100_000) for one in outcome.work}

    request = agent.ask(route(context_tokens=32_000)).request

    total = sum(len(message["content"]) for message in request.messages)
    assert total < 32_000 * 3
    assert sum("[shortened: the output has 700000 characters]" in one["content"] for one in request.messages) == 4


def test_reasoning_goes_back_to_the_model_that_wants_it_back() -> None:
    agent = orchestrator()
    agent.answer(said(None, create(), reasoning_content="Ada can do that."))

    assert agent.prompts()[2]["reasoning_content"] == "Ada can do that."


def test_the_answer_of_an_orchestrator_matches_the_schema_of_the_merged_value() -> None:
    schema = {"type": "object", "required": ["n"]}
    agent = orchestrator(aggregate={"strategy": "none", "output_schema": schema})
    agent.answer(said(None, create(), assign("Read.", "c2")))

    assert isinstance(agent.answer("It is 42."), GoOn)
    told = agent.prompts()
    assert told[-2] == {"role": "assistant", "content": "It is 42."}
    assert any(message["role"] == "tool" for message in told)  # it still sees what was found
    assert agent.answer('{"n": 42}') == Done(output='{"n":42}')


def test_an_answer_that_would_not_do_twice_costs_no_turn_again() -> None:
    agent = orchestrator(aggregate={"strategy": "none", "output_schema": {"type": "object"}})
    outcome = agent.answer(said(None, create(), assign("Read.", "c2")))
    assert isinstance(outcome, GoOn)
    agent.inputs = {outcome.work[0].id: '"It is 42."'}
    after_the_turn = agent.prompts()
    agent.answer("42")

    failed = agent.answer("forty-two")

    assert isinstance(failed, Wanting)
    assert failed.kind == "output_mismatch"
    assert agent.prompts() == after_the_turn
    assert agent.answer('{"n": 42}') == Done(output='{"n":42}')
