"""Where the calls of sub-agents are made: in this process, or at workers.

Everything that a sub-agent does is one job after another: a call of its model, or a turn of its tools. A runner hands
out jobs and gets a fact for each; it stays the only one who changes the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

from app.domain.facts import AttemptCompleted, AttemptFailed, StepTaken
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind
from app.domain.values import value
from app.ports.provider import RateLimitHeaders

Answer = AttemptCompleted | StepTaken | AttemptFailed
"""What came of a job. Expected failure is a value: only a bug and a cancel raise."""

NoteLimits = Callable[[str, RateLimitHeaders], None]
"""Told, with the lane, what a provider says of its own rate limits beside an answer."""

Begins = Callable[[], None]
"""Called when a job begins, which may have waited for a worker's free hand; at the latest some seconds afterwards."""


class Held(StrEnum):
    """Why nobody has begun with a job for a while: no worker that can do it is alive, theirs are full, or none can be
    reached."""

    NO_WORKER = "no_worker"
    WORKERS_BUSY = "workers_busy"
    NO_BROKER = "no_broker"


NoteHeld = Callable[[int, Held, Sequence[str]], None]
"""Told now and then, with the index of one of the tasks concerned, for as long as jobs of a run wait so; with the MCP
servers of its tools where no worker has those."""


@value()
class CallKey:
    """Names one call for good: no two are ever made under the same key but after a crash.

    Attributes:
        step: calls of the task that its journal held before this one.
        call: 1 for the second call of a hedged pair.
    """

    swarm_id: str
    index: int
    attempt: int
    step: int
    call: int = 0

    @property
    def parts(self) -> tuple[str, int, int, int, int]:
        """All of it in the order of the fields: by this keys are sorted, sent, and made again."""
        return self.swarm_id, self.index, self.attempt, self.step, self.call


@value(kw_only=True)
class Job:
    """What one call of an attempt needs; ``payload`` is the task's stored JSON text.

    Attributes:
        inputs: outputs of its dependencies, JSON texts by task id.
        journal: what is recorded of the task's calls, JSON texts, oldest first.
        step: how many those are.
        call: 1 for the second call of a hedged pair.
        priority: 1-10, 10 goes first where jobs wait for somebody to take them.
        needs: what it would have of whoever does it: the tags of its task.
        tools: names of those that its task may call; it is done by who has the MCP servers of all of them. Not sent.
        provider: that the service has chosen, where the job leaves its process.
        again: the runner before this one had handed it out already.
    """

    swarm_id: str
    spec: SwarmSpec
    index: int
    task_id: str
    attempt: int
    model: str | None
    timeout_s: float
    payload: str
    inputs: Mapping[str, str]
    kind: TaskKind = TaskKind.TASK
    journal: Sequence[str] = ()
    step: int = 0
    failures: int = 0
    tenant_id: str = ""
    call: int = 0
    priority: int = 5
    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    provider: str | None = None
    again: bool = False

    @property
    def key(self) -> CallKey:
        return CallKey(self.swarm_id, self.index, self.attempt, self.step, self.call)


class Dispatch(Protocol):
    """Attributes:
    outlives: whether jobs go on, and their facts are kept, when this process ends. Each is then an assignment in the
        store, written with the start of its call (``ports.assignments``), and the next runner goes on waiting for it.
    """

    @property
    def outlives(self) -> bool: ...

    async def run(self, job: Job, note_limits: NoteLimits, begins: Begins | None = None) -> Answer:
        """Have the job done and return what came of it.

        Cancelling it leaves off waiting. Where jobs do not outlive this process, that stops the job, too: its
        connections are closed.
        """
        ...

    def note_held(self, swarm_id: str, note: NoteHeld) -> AbstractContextManager[None]:
        """Tell of jobs of a run that wait for a worker, until the context ends."""
        ...

    def withdraw(self, job: Job) -> None:
        """Stop a job that nobody waits for any more, wherever it runs; to be called before its task is cancelled."""
        ...
