"""An attempt's step that runs tools, and the calls around it: what becomes of them as facts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from app.domain.facts import AttemptCompleted, AttemptFailed, StepTaken
from app.domain.journal import TOOLS
from app.domain.usage import Usage
from app.outputs.json_schema import JsonSchemas
from app.ports import provider as errors
from app.ports.dispatch import Job
from app.ports.provider import ChatRequest, ChatResult
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.executor import Executor
from app.scheduler.growing import Growing
from app.scheduler.tool_runner import ToolRunner
from app.tools.registry import Registry
from tests.support.providers import InOnePiece
from tests.support.scheduling import OneModel
from tests.support.steady import SteadyEntropy, TickingClock
from tests.support.tools import Probe, answer_of, calling, hanging
from tests.support.workers import Worker


class Model(InOnePiece):
    """A provider that answers as the test says, or must not be asked."""

    name = "lane"

    def __init__(self, answer: ChatResult | Exception | None = None) -> None:
        self._answer = answer
        self.requests: list[ChatRequest] = []

    async def models(self) -> list[str]:
        return ["m"]

    async def complete(self, request: ChatRequest) -> ChatResult:
        self.requests.append(request)
        assert self._answer is not None, "a step of tools asked a model"
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def job(*journal: dict[str, Any], model: str | None = TOOLS, timeout_s: float = 60.0) -> Job:
    worker = Worker()
    worker.journal = [json.dumps(record) for record in journal]
    return replace(worker.job(), model=model, timeout_s=timeout_s, tenant_id="tnt_1")


async def execute(one: Job, *tools: Probe, model: Model | None = None) -> AttemptCompleted | StepTaken | AttemptFailed:
    models = OneModel(model or Model())
    registry, schemas = Registry(tools), JsonSchemas()
    runner = ToolRunner(registry, schemas)
    return await Executor(
        models, AgentLoop(schemas, registry), runner, Growing(models), TickingClock(0.01), SteadyEntropy()
    ).run(one)


CALLS: dict[str, Any] = {
    "kind": "calls",
    "content": None,
    "reasoning_content": None,
    "model": "m",
    "tool_calls": [
        {"id": "x", "name": "probe", "arguments": '{"n":1}'},
        {"id": "y", "name": "other", "arguments": '{"n":2}'},
    ],
}
FIRST = [CALLS, {"kind": "results", "results": {"x": "1", "y": "2"}}]


@pytest.mark.anyio
async def test_a_step_of_tools_asks_no_model_and_costs_nothing() -> None:
    probe, other = Probe(), Probe("other")

    fact = await execute(job(CALLS), probe, other)

    assert isinstance(fact, StepTaken)
    assert json.loads(fact.record) == {
        "kind": "results",
        "results": {"x": "probe of 1", "y": "Error: you may not call a tool 'other'; your tools are: probe."},
    }
    assert (fact.step, fact.kind, fact.steps, fact.tools) == (1, "results", 0, ("probe", "other"))
    assert (fact.usage, fact.cost_nano_usd, fact.settled, fact.model) == (Usage(), None, True, "")
    assert (fact.next_model, fact.latency_ms) == (None, 10.0)
    assert (probe.given, other.runs) == ([1], [])


@pytest.mark.anyio
async def test_only_the_last_calls_are_carried_out_under_a_key_of_their_own() -> None:
    probe = Probe()

    await execute(job(*FIRST, CALLS), probe)

    [(context, arguments)] = probe.runs
    assert (arguments, context.run_key) == ({"n": 1}, "swm_1/0/3/x")
    assert (context.tenant_id, context.agent_id, context.task_id) == ("tnt_1", "agt_01", "t0")


@pytest.mark.anyio
async def test_tools_end_before_the_attempt_does_and_the_model_is_told() -> None:
    """Else every attempt would do the same again, and never hear of it."""
    probe = Probe(behaviour=hanging)

    fact = await execute(job(CALLS, timeout_s=0.1), probe)

    assert isinstance(fact, StepTaken)
    assert json.loads(fact.record)["results"]["x"] == "Error: probe did not end within 0.08 s and was stopped."
    assert (probe.cancelled, probe.running) == (1, 0)


@pytest.mark.anyio
async def test_a_tool_that_does_not_let_itself_be_stopped_ends_with_the_attempt() -> None:
    stops: list[int] = []

    async def stubborn(*_: object) -> str:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stops.append(1)
                if len(stops) > 1:
                    raise

    fact = await execute(job(CALLS, timeout_s=0.05), Probe(behaviour=stubborn))

    assert isinstance(fact, AttemptFailed)
    assert (fact.error.type, fact.error.retryable, fact.outage, fact.record) == ("timeout", True, False, None)
    assert (fact.cost_nano_usd, fact.usage, fact.settled, fact.steps, fact.step) == (None, Usage(), True, 0, 1)
    assert len(stops) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("tools", [True, False])
async def test_without_time_left_nothing_is_called(tools: bool) -> None:
    probe, model = Probe(), Model(answer_of("late"))

    late = job(CALLS, timeout_s=0.0) if tools else job(model=None, timeout_s=-2.0)
    fact = await execute(late, probe, model=model)

    assert isinstance(fact, AttemptFailed)
    assert (fact.error.type, fact.error.retryable) == ("timeout", True)
    assert "took all of its time" in fact.error.message
    assert (fact.steps, fact.usage, fact.settled) == (0, Usage(), True)
    assert (probe.runs, model.requests) == ([], [])


@pytest.mark.anyio
async def test_a_call_of_tools_is_billed_as_any_call_and_tells_their_names() -> None:
    said = answer_of(calling("probe", call_id="a"), calling("other", call_id="b"))

    fact = await execute(job(model=None), Probe(), model=Model(said))

    assert isinstance(fact, StepTaken)
    assert (fact.kind, fact.next_model, fact.tools, fact.steps) == ("calls", TOOLS, ("probe", "other"), 1)
    assert fact.usage == Usage(prompt_tokens=10, completion_tokens=2)


@pytest.mark.anyio
async def test_names_that_a_model_makes_up_are_told_to_watchers_within_bounds() -> None:
    said = answer_of(*(calling("x" * 10_000, call_id=f"c{nth}") for nth in range(1_000)))

    fact = await execute(job(model=None), Probe(), model=Model(said))

    assert isinstance(fact, StepTaken)
    assert sum(map(len, fact.tools)) <= 200 * 64


@pytest.mark.anyio
async def test_a_provider_s_error_after_the_results_leaves_the_journal_alone() -> None:
    fact = await execute(job(*FIRST, model=None), Probe(), model=Model(errors.Unavailable("503")))

    assert isinstance(fact, AttemptFailed)
    assert (fact.error.retryable, fact.record, fact.step) == (True, None, 2)
