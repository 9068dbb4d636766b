"""A cast of models for runs that plan, judge, merge and answer: each kind of call says what a test scripted for it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
from aiohttp import web

from app.domain.parts import words_of
from app.domain.usage import Usage
from app.ports.provider import ChatRequest, ChatResult, Refused, ToolCall, Unavailable
from tests.support.providers import InOnePiece
from tests.support.service import in_process
from tests.support.upstream import Upstream

PLAN, TURN, JUDGE, MERGE = "plan", "turn", "judge", "merge"
DEADLINE_S = 30.0
NAMED_MODELS: dict[str, Any] = {
    "providers": {"p": {"base_url": "http://127.0.0.1:9/v1", "models": ["m"]}},
    "default_model": "m",
}
"""Settings of a service that knows its models by name, and so refuses others."""

AT_ONCE = {"base_delay_s": 0}
"""``retry`` of a run whose attempts follow each other without a wait."""

GOAL: dict[str, Any] = {"goal": "Compare the two reports.", "retry": AT_ONCE}
ORCHESTRATED = GOAL | {"planner": "orchestrator"}
ATTACHED: dict[str, Any] = {
    "attachments": {
        "files": [
            {"name": "north.txt", "content": "North earned 7."},
            {"name": "south.txt", "content": "South earned 9."},
        ]
    }
}
PLAN_OF_THREE: dict[str, Any] = {
    "subtasks": [
        {"id": "north", "prompt": "Read the north.", "role": "researcher", "sources": ["north.txt"]},
        {"id": "south", "prompt": "Read the south.", "role": "analyzer", "sources": ["south.txt"]},
        {"id": "both", "prompt": "Compare.", "role": "critic", "depends_on": ["north", "south"]},
    ],
    "synthesis": "One sentence, the larger first.",
}

LOST = Unavailable("the model is gone", status=503)
"""A failure that a retry may mend."""

REFUSED = Refused("the model will not", status=400)
"""One that none mends."""

Answer = Any
"""Text; another JSON value, sent as JSON text; a ``ChatResult``; an exception; or a function of ``Asked`` of these."""


class Asked:
    """One call that reached a model.

    Attributes:
        kind: plan, turn, judge, merge or task.
        task_id: of a task or a merge; else None.
        task: the JSON of the section ``## Task``; of a judge's call, what it judges.
        repair: whether the model is shown its own answer and what is wrong with it.
        began, ended: places in the order of all beginnings and ends of calls.
    """

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.messages = list(request.messages)
        first = next(message for message in self.messages if message["role"] == "user")["content"]
        self.prompt = words_of(first)
        self.system = "".join(message["content"] for message in self.messages if message["role"] == "system")
        self.said: str = str(self.messages[-1]["content"])
        self.task: dict[str, Any] = {}
        self.task_id: str | None = None
        self.repair = len(self.messages) > 1 and self.messages[-2]["role"] == "assistant"
        self.began = 0
        self.ended = 0
        if "You are the supervisor of" in self.prompt:
            self.kind = PLAN
        elif "You are the orchestrator of" in self.prompt:
            self.kind = TURN
        else:
            section = self.prompt.partition("## Task\n")[2]
            self.task = orjson.loads(section.split("\n\n## ")[0].splitlines()[0])
            judged = self.prompt.startswith("You are a validator.")
            self.task_id = None if judged else str(self.task["id"])
            self.kind = JUDGE if judged else MERGE if str(self.task_id).startswith("~") else "task"

    @property
    def inputs(self) -> dict[str, Any]:
        """The section ``## Inputs``."""
        _, _, text = self.prompt.partition("\n\n## Inputs\n")
        return dict(orjson.loads(text)) if text else {}

    @property
    def schema(self) -> dict[str, Any]:
        """``json_schema`` of the ``response_format``: name, schema, strict."""
        assert self.request.response_format is not None
        found: dict[str, Any] = self.request.response_format["json_schema"]
        return found

    @property
    def tool_replies(self) -> dict[str, str]:
        """What the model is told of its tool calls, by their ids."""
        return {one["tool_call_id"]: one["content"] for one in self.messages if one["role"] == "tool"}


class Cast(InOnePiece):
    """A chat provider; a call without a script answers ``done <task id>``, 10 + 2 tokens.

    Attributes:
        asked: every call in the order of arrival.
        cancelled: calls that were cancelled, which is what closes a connection.
    """

    name = "offline"

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.cancelled: list[Asked] = []
        self.running = 0
        self.most_running = 0
        self._scripts: dict[str, list[Answer]] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._clock = 0

    def on(self, who: str, *answers: Answer) -> Cast:
        """Script calls of a kind, or for a task by its id: the answers in order, the last one from then on."""
        self._scripts[who] = list(answers)
        return self

    def hold(self, *whos: str) -> None:
        """Let the calls of these kinds or tasks run until they are released."""
        for who in whos:
            self._held[who] = asyncio.Event()

    def release(self, *whos: str) -> None:
        for who in whos:
            self._held.pop(who).set()

    def of(self, who: str) -> list[Asked]:
        """The calls of a kind, or for a task."""
        return [asked for asked in self.asked if who in {asked.kind, asked.task_id}]

    async def until_asked(self, who: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.of(who)) < times:
                await asyncio.sleep(0.002)

    async def complete(self, request: ChatRequest) -> ChatResult:
        asked = Asked(request)
        self.asked.append(asked)
        self._clock += 1
        asked.began = self._clock
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            held = self._held.get(asked.task_id or "") or self._held.get(asked.kind)
            if held is not None:
                await held.wait()
            else:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(asked)
            raise
        finally:
            self.running -= 1
            self._clock += 1
            asked.ended = self._clock
        return self._answer(asked)

    async def models(self) -> list[str]:
        return ["cast"]

    def _answer(self, asked: Asked) -> ChatResult:
        script = self._scripts.get(asked.task_id or "") or self._scripts.get(asked.kind)
        answer: Answer = f"done {asked.task_id}"
        if script:
            answer = script[0] if len(script) == 1 else script.pop(0)
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ChatResult):
            return answer
        return said(answer if isinstance(answer, str) else orjson.dumps(answer).decode())


def said(content: str | None, *calls: tuple[str, Any], tokens: int = 10, **fields: Any) -> ChatResult:
    """An answer to ``tokens`` of prompt, with tool calls ``(name, arguments)`` whose ids are ``c1``, ``c2``, …"""
    tool_calls = tuple(
        ToolCall(
            id=f"c{at}",
            name=name,
            arguments=arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode(),
        )
        for at, (name, arguments) in enumerate(calls, start=1)
    )
    usage = Usage(prompt_tokens=tokens, completion_tokens=2)
    return ChatResult(content=content, model="cast", usage=usage, tool_calls=tool_calls, **fields)


def hires(*names: str) -> list[tuple[str, Any]]:
    """Tool calls that create sub-agents, each with a prompt of its own."""
    return [("create_subagent", {"name": name, "system_prompt": f"You are {name}."}) for name in names]


def assigns(agent: str, *prompts: str, **fields: Any) -> list[tuple[str, Any]]:
    return [("assign_task", {"agent": agent, "prompt": prompt} | fields) for prompt in prompts]


# --- runs over HTTP --------------------------------------------------------------------------------------------------


async def start(client: httpx2.AsyncClient, body: Mapping[str, Any]) -> str:
    """Start a run and return its id."""
    response = await client.post("/v1/swarms", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["swarm_id"])


async def run(client: httpx2.AsyncClient, body: Mapping[str, Any], *, wait_s: float = 20) -> dict[str, Any]:
    """Run to the end and return the swarm with its results; its event log is checked."""
    response = await client.post("/v1/swarms", params={"wait": wait_s}, json=body)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    assert found["ended_at"] is not None, found
    await checked_events(client, found["swarm_id"])
    return found


async def ended(client: httpx2.AsyncClient, swarm_id: str) -> dict[str, Any]:
    """The swarm once it has ended; its event log is checked."""
    found = await until(client, swarm_id, lambda swarm: swarm["ended_at"] is not None)
    await checked_events(client, swarm_id)
    return found


async def until(client: httpx2.AsyncClient, swarm_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The swarm as soon as something holds of it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            swarm = await get(client, f"/v1/swarms/{swarm_id}")
            if holds(swarm):
                return swarm
            await asyncio.sleep(0.01)


async def get(client: httpx2.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def tasks_of(client: httpx2.AsyncClient, swarm_id: str) -> dict[str, dict[str, Any]]:
    """The tasks that clients see, by id."""
    page = await get(client, f"/v1/swarms/{swarm_id}/tasks", limit=1000)
    return {task["task_id"]: task for task in page["items"]}


async def events_of(client: httpx2.AsyncClient, swarm_id: str) -> list[dict[str, Any]]:
    """The whole event log, whose ``seq`` has no gap."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await get(client, f"/v1/swarms/{swarm_id}/events", after=len(found), limit=1000))["items"]
        found += page
        if not page:
            assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
            return found


async def checked_events(client: httpx2.AsyncClient, swarm_id: str) -> list[dict[str, Any]]:
    """The log of an ended run, checked against its tasks.

    Each sub-agent is announced at most once and, if it was, ends exactly once; planners and merges are never announced;
    the counts cover the tasks that clients see; nothing follows the end.
    """
    found = await events_of(client, swarm_id)
    tasks = await tasks_of(client, swarm_id)
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in found:
        if event["task_id"] is not None:
            kinds[event["task_id"]][event["type"]] += 1
    for task_id, seen in kinds.items():
        if task_id not in tasks:
            assert seen.keys() <= {"agent_step", "agent_retrying", "agent_rerouted"}, (task_id, seen)
    for task_id, task in tasks.items():
        seen = kinds[task_id]
        assert seen["agent_spawned"] == (1 if task["attempts"] else 0), (task_id, seen)
        assert seen["agent_completed"] + seen["agent_failed"] == seen["agent_spawned"], (task_id, seen)
        assert seen["agent_completed"] == (task["status"] == "completed")
    assert (found[0]["type"], found[-1]["type"]) == ("swarm_started", "swarm_completed")
    counts = (await get(client, f"/v1/swarms/{swarm_id}"))["counts"]
    assert counts == found[-1]["counts"]
    assert counts["total"] == len(tasks)
    return found


def ballots(*answers: Any, **fields: Sequence[Any]) -> tuple[Cast, list[dict[str, Any]]]:
    """A cast and tasks ``v0``, ``v1``, … that answer so, with further fields by position."""
    cast = Cast()
    tasks = []
    for at, answer in enumerate(answers):
        cast.on(f"v{at}", answer)
        tasks.append({"id": f"v{at}"} | {name: given[at] for name, given in fields.items()})
    return cast, tasks


async def merged_in_order(
    folder: Path, cast: Cast, tasks: list[dict[str, Any]], aggregate: Any, **body: Any
) -> dict[str, Any]:
    """Run to the end; the answers come one after the other, in the order of the request."""
    cast.hold(*(task["id"] for task in tasks))
    async with in_process(folder, provider=cast) as client:
        swarm_id = await start(client, {"tasks": tasks, "aggregate": aggregate, "retry": {"max_retries": 0}} | body)
        for task in tasks:
            await cast.until_asked(task["id"])
        for at, task in enumerate(tasks, start=1):
            cast.release(task["id"])
            await until(client, swarm_id, closed(at))
        found = await ended(client, swarm_id)
        return found | {"results": await get(client, f"/v1/swarms/{swarm_id}/results")}


def closed(least: int) -> Callable[[dict[str, Any]], bool]:
    """Whether so many tasks have ended."""
    return lambda swarm: sum(swarm["counts"][end] for end in ("completed", "failed", "cancelled")) >= least


# --- an endpoint with several models ---------------------------------------------------------------------------------


@asynccontextmanager
async def endpoint(answers: Mapping[str, str | int]) -> AsyncIterator[Upstream]:
    """A provider on a socket that says this for each model, or answers with this status."""
    upstream = Upstream()

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        body = orjson.loads(upstream.bodies[-1])
        answer = answers[body["model"]]
        if isinstance(answer, int):
            return web.json_response({"error": {"message": "not now", "type": "server_error"}}, status=answer)
        usage = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        return web.json_response({"model": body["model"], "choices": [choice], "usage": usage})

    upstream.handler = handler
    runner = web.ServerRunner(web.Server(upstream.handle))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield upstream
    finally:
        await runner.cleanup()
