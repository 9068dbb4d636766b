"""Attempts of several calls in a run: each call takes a slot, is journaled, and is made once, also over a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.changes import StartAttempt
from app.domain.facts import AttemptCompleted, Fact
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmState, SwarmStatus
from app.domain.task import TaskKind, TaskSpec, TaskStatus
from app.domain.usage import Usage
from app.ports.dispatch import Begins, Job, NoteLimits
from app.ports.doorbell import control_of
from app.ports.provider import ChatRequest, ChatResult, ToolCall
from app.ports.runs import Command
from app.scheduler.admission import Claimant
from app.scheduler.attempts import Attempts
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.driving import until
from tests.support.providers import InOnePiece
from tests.support.runs import LANE, grant, new_swarm, turn
from tests.support.scheduling import Scheduling, machinery, scheduling

pytestmark = pytest.mark.anyio

JUDGE = {"rubric": "Good.", "threshold": 0.5}
USAGE = Usage(prompt_tokens=10, completion_tokens=2)


class Script(InOnePiece):
    """A model that answers tasks, judges, and as an orchestrator assigns two tasks, then sums up.

    Attributes:
        asked: what each call was: ``answer``, ``judge`` or ``turn <n>``, in the order of arrival.
        go_on: until then the calls that are held wait.
    """

    name = "offline"

    def __init__(self, *scores: float, held: str | None = None) -> None:
        self.asked: list[str] = []
        self.running: list[str] = []
        self.most_running = 0
        self._scores = list(scores)
        self._held = held
        self.go_on = asyncio.Event()

    async def models(self) -> list[str]:
        return ["m"]

    async def complete(self, request: ChatRequest) -> ChatResult:
        what = self._what(request)
        self.asked.append(what)
        self.running.append(what)
        self.most_running = max(self.most_running, len(self.running))
        try:
            if what == self._held:
                await self.go_on.wait()
            await asyncio.sleep(0)
            return self._said(what, request)
        finally:
            self.running.remove(what)

    def _what(self, request: ChatRequest) -> str:
        if any("## Output to judge" in str(message["content"]) for message in request.messages):
            return "judge"
        if request.tools:
            return f"turn {sum(message['role'] == 'assistant' for message in request.messages)}"
        return "answer"

    def _said(self, what: str, request: ChatRequest) -> ChatResult:
        content: str | None = "the answer"
        calls: tuple[ToolCall, ...] = ()
        if what == "judge":
            content = json.dumps({"score": self._scores.pop(0)})
        elif what == "turn 0":
            content = None
            create = {"name": "ada", "system_prompt": "You are Ada."}
            tasks = [{"agent": "ada", "prompt": f"Do {n}."} for n in (1, 2)]
            calls = (
                ToolCall(id="c0", name="create_subagent", arguments=json.dumps(create)),
                *(ToolCall(id=one["prompt"], name="assign_task", arguments=json.dumps(one)) for one in tasks),
            )
        elif what == "turn 1":
            found = [message["content"] for message in request.messages if message["role"] == "tool"][1:]
            content = " and ".join(found)
        return ChatResult(content=content, model="m", usage=USAGE, tool_calls=calls)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return place_database(tmp_path / "x.db")


def judged(*tasks: str, **spec: Any) -> Any:
    return new_swarm({name: [] for name in tasks}, validation=JUDGE, **spec)


def planned(**spec: Any) -> Any:
    planner = TaskSpec(task_id="~planner", kind=TaskKind.PLANNER)
    return new_swarm([planner], planner="orchestrator", goal="Find out.", **spec)


async def kinds_of(work: Scheduling, swarm_id: str) -> list[str]:
    return [event.type for event in await work.store.events.list(swarm_id, after=0, limit=1000)]


async def test_each_call_counts_is_journaled_and_told(path: Path) -> None:
    async with scheduling(path, Script(0.9)) as work:
        swarm_id = await work.add(judged("a"))
        row = await work.end(swarm_id)
        [step] = await work.store.tasks.steps(swarm_id, 0)
        found = await work.store.tasks.get(swarm_id, "a")
        kinds = await kinds_of(work, swarm_id)

    assert (row.status, row.steps, row.usage) == (SwarmStatus.COMPLETED, 2, USAGE + USAGE)
    assert (step.step, step.attempt, step.record["kind"], step.usage) == (0, 1, "answer", USAGE)
    assert found is not None
    assert (found[0].score, found[0].attempts, found[0].usage) == (0.9, 1, USAGE + USAGE)
    assert [kind for kind in kinds if kind.startswith("agent")] == ["agent_spawned", "agent_step", "agent_completed"]


async def test_what_began_is_ended_before_anything_else_begins(path: Path) -> None:
    script = Script(0.9, 0.9, 0.9)
    async with scheduling(path, script) as work:
        row = await work.end(await work.add(judged("a", "b", "c", max_parallel_agents=1)))

    assert row.status is SwarmStatus.COMPLETED
    assert script.asked == ["answer", "judge"] * 3
    assert script.most_running == 1


async def test_a_restart_before_the_verdict_asks_for_the_verdict_alone(path: Path) -> None:
    first = Script(held="judge")
    async with scheduling(path, first) as work:
        swarm_id = await work.add(judged("a"))
        await until(lambda: first.running == ["judge"])

    second = Script(0.75)
    async with scheduling(path, second) as work:
        row = await work.end(swarm_id)
        task = await work.store.tasks.get_by_index(swarm_id, 0)

    assert (row.status, second.asked) == (SwarmStatus.COMPLETED, ["judge"])
    assert task is not None
    assert (task.output, task.score) == ("the answer", 0.75)


async def test_an_orchestrator_waits_for_its_sub_agents_and_sums_up_what_they_found(path: Path) -> None:
    script = Script()
    async with scheduling(path, script) as work:
        swarm_id = await work.add(planned())
        row = await work.end(swarm_id)

    assert (row.status, row.aggregated) == (SwarmStatus.COMPLETED, "the answer and the answer")
    assert (row.counts.completed, row.counts.total, row.steps) == (2, 2, 4)
    assert script.asked == ["turn 0", "answer", "answer", "turn 1"]
    assert row.aggregation is not None
    assert (row.aggregation["strategy"], row.aggregation["inputs"], row.aggregation["missing"]) == (
        "orchestrator",
        2,
        [],
    )


async def test_a_restart_while_sub_agents_work_repeats_no_turn(path: Path) -> None:
    first = Script(held="answer")
    async with scheduling(path, first) as work:
        swarm_id = await work.add(planned())
        await until(lambda: first.running == ["answer", "answer"])

    second = Script()
    async with scheduling(path, second) as work:
        row = await work.end(swarm_id)

    assert (row.status, row.aggregated) == (SwarmStatus.COMPLETED, "the answer and the answer")
    assert second.asked == ["answer", "answer", "turn 1"]


async def test_a_pause_holds_the_next_call_back(path: Path) -> None:
    script = Script(0.9, held="answer")
    async with scheduling(path, script) as work:
        swarm_id = await work.add(judged("a"))
        await until(lambda: script.running == ["answer"])
        await steer(work, swarm_id, "pause")
        await until_status(work, swarm_id, SwarmStatus.PAUSED)
        script.go_on.set()
        async with asyncio.timeout(30):
            while not await work.store.tasks.steps(swarm_id, 0):
                await asyncio.sleep(0.001)
        task = await work.store.tasks.get_by_index(swarm_id, 0)
        assert task is not None
        assert (task.status, script.asked) == (TaskStatus.QUEUED, ["answer"])

        await steer(work, swarm_id, "resume")
        row = await work.end(swarm_id)

    assert (row.status, script.asked) == (SwarmStatus.COMPLETED, ["answer", "judge"])


async def steer(work: Scheduling, swarm_id: str, kind: str) -> None:
    assert await work.store.swarms.command("default", swarm_id, Command(kind))
    work.shared.doorbell.ring(control_of(swarm_id))


async def until_status(work: Scheduling, swarm_id: str, status: SwarmStatus) -> None:
    async with asyncio.timeout(30):
        while True:
            row = await work.store.swarms.get("default", swarm_id)
            assert row is not None
            if row.status is status:
                return
            await asyncio.sleep(0.001)


async def test_rejected_outputs_are_made_anew_until_the_retries_are_used_up(path: Path) -> None:
    script = Script(0.1, 0.2, 0.3)
    retry = RetryPolicy(base_delay_s=0.001, jitter=0)
    async with scheduling(path, script) as work:
        swarm = new_swarm([TaskSpec(task_id="a", max_retries=2)], validation=JUDGE, retry=retry)
        swarm_id = await work.add(swarm)
        row = await work.end(swarm_id)
        found = await work.store.tasks.get(swarm_id, "a")

    assert (row.status, script.asked) == (SwarmStatus.FAILED, ["answer", "judge"] * 3)
    assert found is not None
    task, attempts = found
    assert task.error is not None
    assert (task.error["type"], len(attempts)) == ("validation_failed", 3)
    assert row.usage == Usage(prompt_tokens=60, completion_tokens=12)
    assert task.usage == row.usage


async def test_max_steps_ends_a_run_between_two_calls(path: Path) -> None:
    script = Script(0.9, 0.9)
    async with scheduling(path, script) as work:
        swarm_id = await work.add(judged("a", "b", max_parallel_agents=1, max_steps=3))
        row = await work.end(swarm_id)

    assert script.asked == ["answer", "judge", "answer"]
    assert (row.status, row.counts.completed, row.counts.skipped) == (SwarmStatus.PARTIAL, 1, 1)


# --- the time of an attempt ------------------------------------------------------------------------------------------


class Listening:
    """A dispatch that keeps the jobs."""

    outlives = False

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def run(self, job: Job, note_limits: NoteLimits, begins: Begins | None = None) -> AttemptCompleted:
        self.jobs.append(job)
        return AttemptCompleted(
            index=job.index, attempt=1, output="1", model="m", usage=Usage(), cost_nano_usd=0, latency_ms=1.0
        )


@pytest.mark.parametrize(
    ("timeout_s", "busy_ms", "left_s"),
    [(0.05, 0, 0.05), (10, 0, 10), (10, 2_000, 8), (10, 9_500, 0.5), (10, 60_000, -50), (0.5, 300, 0.2)],
)
async def test_the_timeout_of_an_attempt_is_for_all_its_calls(
    path: Path, timeout_s: float, busy_ms: float, left_s: float
) -> None:
    """A call for which nothing is left is not made; the executor says so."""
    state: SwarmState = new_swarm([TaskSpec(task_id="a", timeout_s=timeout_s)]).state
    turn(state, grant(1))
    state.tasks[0].busy_ms = busy_ms
    posted: list[Fact] = []
    dispatch: Any = Listening()
    async with open_database(path) as store, asyncio.TaskGroup() as group:
        shared = machinery(store, Script())
        attempts = Attempts(dispatch, shared.runs, shared.admission, shared.clock, posted.append)
        claimant = Claimant("group", lambda: None, tenant="default")
        shared.admission.demand(claimant, LANE, 1, 5, 0)
        assert claimant.take() == {LANE: 1}
        attempts.start(state, claimant, StartAttempt(0, 1), {}, group)

    assert [job.timeout_s for job in dispatch.jobs] == [left_s]
