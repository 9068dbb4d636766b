"""The loop of a sub-agent that has tools: call, results, call again, until it answers; and what a retry keeps of it."""

from __future__ import annotations

import pytest

from app.domain.journal import TOOLS
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind
from app.ports.provider import Thinking
from app.scheduler.conversation import Done, GoOn, Wanting
from tests.support.agents import route
from tests.support.tools import calling
from tests.support.workers import Worker

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
JUDGE = {"rubric": "Names a source.", "threshold": 0.6, "model": "judge"}


# --- call, results, call again ---------------------------------------------------------------------------------------


def test_an_answer_that_calls_tools_is_kept_and_tools_are_next() -> None:
    worker = Worker()

    outcome = worker.call_tools("Let me see.", calling("probe", {"n": 2}, "x"))

    assert isinstance(outcome, GoOn)
    assert (outcome.next_model, outcome.work) == (TOOLS, ())
    assert outcome.record == {
        "kind": "calls",
        "content": "Let me see.",
        "reasoning_content": None,
        "tool_calls": [{"id": "x", "name": "probe", "arguments": '{"n": 2}'}],
        "model": "scripted",
    }


def test_the_next_call_tells_all_before_it_behind_the_same_question() -> None:
    worker = Worker()
    asked = worker.prompts()
    worker.work("one")
    worker.work("two")

    *before, first, one, second, two = worker.prompts()

    assert before == asked
    assert [first["role"], second["role"]] == ["assistant", "assistant"]
    assert [one["content"], two["content"]] == ["one", "two"]
    assert worker.answer("It is three.") == Done(output='"It is three."')


@pytest.mark.parametrize("content", [None, "", "Let me see."])
def test_reasoning_is_told_back_to_the_model_that_thought(content: str | None) -> None:
    """Some vendors refuse a turn of a thinking model that comes back without it."""
    worker = Worker()
    worker.call_tools(calling("probe"), content=content, reasoning_content="First I count.")
    worker.results(c1="one")
    worker.work()

    told = [message for message in worker.prompts() if message["role"] == "assistant"]

    assert [message.get("reasoning_content") for message in told] == ["First I count.", None]
    assert told[0]["content"] == (content or "")


def test_thinking_is_asked_for_only_where_the_model_takes_it_beside_tools() -> None:
    worker = Worker({"prompt": "x", "tools": ["probe"], "route": {"thinking": True}, "max_steps": 2})
    by = route(thinking=Thinking(on={"think": 1}, off={"think": 0}, beside_tools=False))

    assert worker.ask(by).request.options == {}
    worker.work()
    assert worker.ask(by).request.options == {"think": 1}  # its last call, which offers none


def test_a_task_without_tools_is_offered_none_and_may_call_none() -> None:
    worker = Worker({"prompt": "x"})

    assert worker.offered == []
    assert worker.call_tools("Well.", calling("probe")) == Done(output='"Well."')


def test_tools_of_the_orchestrator_reach_tasks_that_list_none() -> None:
    inherits, refuses = Worker({"prompt": "x"}), Worker({"prompt": "x", "tools": []})
    inherits.spec = refuses.spec = SwarmSpec(agent_id="agt_01", tools=("probe",))

    assert (inherits.offered, refuses.offered) == (["probe"], [])


def test_merges_have_no_tools() -> None:
    merge = Worker({"prompt": "Merge."}, kind=TaskKind.MERGE)
    merge.spec = SwarmSpec(agent_id="agt_01", tools=("probe",))

    assert merge.offered == []


# --- its end ---------------------------------------------------------------------------------------------------------


def test_the_last_call_offers_no_tools_so_that_it_answers() -> None:
    worker = Worker({"prompt": "x", "tools": ["probe"], "max_steps": 3})
    offered = []
    for _ in range(2):
        offered.append(worker.offered)
        worker.work()
    offered.append(worker.offered)

    assert offered == [["probe"], ["probe"], []]
    assert worker.answer("done") == Done(output='"done"')


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_who_still_calls_tools_after_the_last_step_has_failed_for_good(content: str | None) -> None:
    worker = Worker({"prompt": "x", "tools": ["probe"], "max_steps": 1})

    outcome = worker.call_tools(calling("probe"), content=content)

    assert isinstance(outcome, Wanting)
    assert (outcome.kind, outcome.retryable, outcome.record) == ("max_steps", False, None)
    assert "max_steps" in outcome.message


def test_what_it_says_beside_such_a_call_is_its_answer() -> None:
    worker = Worker({"prompt": "x", "tools": ["probe"], "max_steps": 1})

    assert worker.call_tools("It is four.", calling("probe")) == Done(output='"It is four."')


# --- with a schema and a judge ---------------------------------------------------------------------------------------


def test_tools_may_be_called_before_an_answer_that_matches() -> None:
    worker = Worker(output_schema=SCHEMA)
    worker.work()

    call = worker.ask(route(structured="json_schema"))

    assert (call.request.response_format is not None, worker.offered) == (True, ["probe"])
    assert worker.answer('{"n": 1}') == Done(output='{"n":1}')


def test_a_repair_is_asked_for_behind_the_results() -> None:
    worker = Worker(output_schema=SCHEMA)
    worker.work("four")
    worker.answer('{"n": "four"}')

    roles = [message["role"] for message in worker.prompts()]

    assert roles[-4:] == ["assistant", "tool", "assistant", "user"]
    assert worker.answer('{"n": 4}') == Done(output='{"n":4}')


def test_a_repair_may_call_tools_and_still_has_to_match() -> None:
    worker = Worker(output_schema=SCHEMA)
    worker.answer("none yet")
    worker.work("five")

    assert [message["role"] for message in worker.prompts()][-2:] == ["assistant", "tool"]
    assert worker.answer('{"n": 5}') == Done(output='{"n":5}')


def test_a_judge_is_offered_no_tools_and_sees_no_results() -> None:
    worker = Worker(validation=JUDGE)
    worker.work("secret figures")
    worker.answer("An answer.")

    call = worker.ask()

    assert (call.purpose, list(call.request.tools), len(call.request.messages)) == ("verdict", [], 1)
    assert "secret figures" not in str(call.request.messages)
    assert worker.loop.model_of(worker.job()) == "judge"


def test_a_rejected_answer_is_made_anew_with_what_the_tools_said() -> None:
    worker = Worker(validation=JUDGE)
    worker.work("one")
    worker.answer("No source.")
    rejected = worker.answer('{"score": 0.1, "critique": "Name the source."}')
    assert isinstance(rejected, Wanting)

    prompts = worker.prompts()

    assert [message["content"] for message in prompts if message["role"] == "tool"] == ["one"]
    assert "Name the source." in prompts[-3]["content"]
    assert "No source." in prompts[-3]["content"]
    assert worker.loop.model_of(worker.job()) == "own"


def test_steps_are_counted_over_all_attempts() -> None:
    worker = Worker({"prompt": "x", "tools": ["probe"], "max_steps": 2}, validation=JUDGE)
    worker.work()
    worker.answer("No.")
    worker.answer('{"score": 0.1}')

    assert worker.offered == []


def test_an_answer_that_never_matched_leaves_the_results_to_the_next_attempt() -> None:
    worker = Worker(output_schema=SCHEMA)
    worker.work("seven")
    worker.answer("x")
    assert isinstance(worker.answer("y"), Wanting)

    told = worker.prompts()

    assert [message["role"] for message in told][-2:] == ["assistant", "tool"]
    assert told[-1]["content"] == "seven"


# --- room ------------------------------------------------------------------------------------------------------------


def test_results_are_shortened_to_the_window_of_the_run_the_oldest_first() -> None:
    worker = Worker(context_window=2_000)  # 8,000 characters
    for mark in "abcd":
        worker.work(mark * 3_000)

    told = [message["content"] for message in worker.prompts() if message["role"] == "tool"]

    assert told[0].startswith("[left out")  # a few words, of which each that is left out has some
    assert sum(map(len, told[1:])) <= 8_000
    assert [text[:1] + str(len(text)) for text in told[2:]] == ["c3000", "d3000"]
    assert 200 < len(told[1]) < 3_000


def test_results_are_shortened_to_the_context_of_the_model() -> None:
    worker = Worker(max_output_tokens=1_000)
    for mark in "abc":
        worker.work(mark * 10_000)

    small = worker.ask(route(context_tokens=8_000)).request.messages
    large = worker.ask(route(context_tokens=200_000)).request.messages

    small_results = [message["content"] for message in small if message["role"] == "tool"]
    assert sum(len(message["content"]) for message in small) - len(small_results[0]) <= 14_000  # 7,000 tokens
    assert [text[:1] for text in small_results] == ["[", "b", "c"]
    assert small_results[2] == "c" * 10_000
    assert [len(message["content"]) for message in large if message["role"] == "tool"] == [10_000] * 3
