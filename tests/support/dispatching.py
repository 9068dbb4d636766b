"""Both ways of having jobs done, with a scripted executor, for tests that hold of both and of workers alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.dispatch.broker import Broker
from app.dispatch.connecting import BrokerSettings
from app.dispatch.nats import NatsDispatch
from app.dispatch.worker import Worker
from app.domain.facts import AttemptCompleted
from app.domain.task import TaskSpec
from app.domain.usage import Usage
from app.ports.assignments import Assigned, WorkerRow
from app.ports.dispatch import Answer, Begins, CallKey, Job, NoteLimits
from app.ports.provider import RateLimitHeaders
from app.ports.runs import Commit, Lease
from app.storage.database import Database
from tests.support.runs import grant, new_swarm, turn

NODE = "node.1:77"


class Hand:
    """An executor: each job gives its payload as its output, once ``go_on`` lets it.

    Attributes:
        began, ended, stopped: keys in the order of events.
    """

    def __init__(self, *, held: bool = False) -> None:
        self.go_on = asyncio.Event()
        if not held:
            self.go_on.set()
        self.began: list[CallKey] = []
        self.ended: list[CallKey] = []
        self.stopped: list[CallKey] = []
        self.jobs: dict[CallKey, Job] = {}
        self.news = asyncio.Event()

    async def run(self, job: Job, note_limits: NoteLimits, begins: Begins | None = None) -> Answer:
        if begins is not None:
            begins()
        self.jobs[job.key] = job
        self._note(self.began, job)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self._note(self.stopped, job)
            raise
        note_limits("lane/m", RateLimitHeaders(remaining_requests=3, reset_s=1.5))
        self._note(self.ended, job)
        return answer(job)

    def _note(self, where: list[CallKey], job: Job) -> None:
        where.append(job.key)
        self.news.set()


def answer(job: Job) -> AttemptCompleted:
    return AttemptCompleted(
        index=job.index,
        attempt=job.attempt,
        output=job.payload,
        model="m",
        usage=Usage(prompt_tokens=7, completion_tokens=3),
        cost_nano_usd=5,
        latency_ms=1.5,
        step=job.step,
    )


@dataclass
class Node:
    """A process that hands out, and its workers' hands."""

    store: Database
    dispatch: NatsDispatch
    broker: Broker


@dataclass
class Run:
    """A run whose tasks are all out, as its store sees it."""

    lease: Lease
    jobs: list[Job]


async def hand_out(store: Database, tasks: int, *, number: int = 1, calls: int = 1, **fields: Any) -> Run:
    """Make a run, claim it for ``NODE`` and write the start of a call for each of its tasks."""
    specs = [TaskSpec(task_id=f"t{index}", payload=f'{{"n":{index}}}') for index in range(tasks)]
    await store.swarms.create(new_swarm(specs, number=number, max_parallel_agents=tasks))
    [lease] = await store.runs.claim(NODE, limit=1)
    state = await store.runs.load(lease)
    commit = turn(state, grant(tasks))
    jobs = [
        replace(
            Job(
                swarm_id=lease.swarm_id,
                spec=state.spec,
                index=index,
                task_id=f"t{index}",
                attempt=1,
                model=None,
                timeout_s=60.0,
                payload=f'{{"n":{index}}}',
                inputs={},
                tenant_id="ten.ant",
                call=call,
            ),
            **fields,
        )
        for index in range(tasks)
        for call in range(calls)
    ]
    assigned = Assigned(out=[job.key for job in jobs])
    await store.runs.commit(
        lease, Commit(state=state, changes=commit.changes, events=commit.events, at_ms=commit.at_ms, assigned=assigned)
    )
    return Run(lease, jobs)


@asynccontextmanager
async def node(store: Database, url: str, *, name: str = NODE) -> AsyncIterator[Node]:
    """A process that hands jobs out; it does none."""
    broker = Broker(BrokerSettings(url=url), name)
    dispatch = NatsDispatch(broker, store.assignments, store.workers, name)
    async with broker.running(), dispatch.running():
        yield Node(store, dispatch, broker)


@asynccontextmanager
async def worker(
    store: Database, url: str, hand: Hand, *, name: str = "wrk_1", slots: int = 100, tags: tuple[str, ...] = ()
) -> AsyncIterator[Worker]:
    """A process that does jobs."""
    broker = Broker(BrokerSettings(url=url), name)
    row = WorkerRow(worker_id=name, name=name, slots=slots, tags=tags)
    doing = Worker(broker, store.assignments, store.workers, hand, row)
    async with broker.running(), doing.working():
        yield doing


async def until(condition: Any, hand: Hand, within_s: float = 10.0) -> None:
    """Wait until ``condition()`` holds, looked at after each thing that a hand does."""
    async with asyncio.timeout(within_s):
        while not condition():
            hand.news.clear()
            await hand.news.wait()
