"""One sub-agent without a run: its calls are made from its journal, its answers read, until it is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind
from app.domain.usage import Usage
from app.outputs.json_schema import JsonSchemas
from app.ports.dispatch import Job
from app.ports.provider import ChatResult, Route, ToolCall
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.calls import Call, json_record
from app.scheduler.conversation import GoOn, Outcome, Wanting
from app.tools.registry import Registry
from tests.support.providers import ScriptedProvider

USAGE = Usage(prompt_tokens=100, completion_tokens=10)


def route(**fields: Any) -> Route:
    plain: dict[str, Any] = {"requested": "m", "provider": ScriptedProvider(), "model": "m"}
    return Route(**(plain | fields))


def said(content: str | None, *tool_calls: ToolCall, **fields: Any) -> ChatResult:
    return ChatResult(**({"content": content, "model": "m", "usage": USAGE, "tool_calls": tool_calls} | fields))


class Agent:
    """Attributes:
    journal: JSON texts; what an outcome records is appended.
    calls: all that were made.
    """

    def __init__(self, payload: dict[str, Any] | None = None, *, kind: TaskKind = TaskKind.TASK, **spec: Any) -> None:
        self.spec = SwarmSpec(**({"agent_id": "agt_01"} | spec))
        self.payload = payload if payload is not None else {"prompt": "Do it."}
        self.kind = kind
        self.journal: list[str] = []
        self.inputs: dict[str, str] = {}
        self.failures = 0
        self.calls: list[Call] = []
        self.loop = AgentLoop(JsonSchemas(), Registry([]))

    def job(self) -> Job:
        return Job(
            swarm_id="swm_1",
            spec=self.spec,
            index=0,
            task_id="~planner" if self.kind is TaskKind.PLANNER else "t0",
            attempt=1,
            model="own",
            timeout_s=60.0,
            payload=json.dumps(self.payload),
            inputs=self.inputs,
            kind=self.kind,
            journal=list(self.journal),
            step=len(self.journal),
            failures=self.failures,
        )

    def ask(self, by: Route | None = None) -> Call:
        """Return the call that the journal asks for."""
        call = self.loop.next_call(self.job(), by or route())
        self.calls.append(call)
        return call

    def answer(self, result: ChatResult | str) -> Outcome:
        """Make the next call and let its model say this; what the outcome records is in the journal then."""
        job = self.job()
        if isinstance(result, str):
            result = said(result, model=self.loop.model_of(job))
        outcome = self.loop.read(job, self.ask(), result)
        if isinstance(outcome, GoOn | Wanting) and outcome.record is not None:
            self.journal.append(json_record(outcome.record))
            self.failures += isinstance(outcome, Wanting)
        return outcome

    def prompts(self) -> Sequence[dict[str, Any]]:
        """The messages of the next call."""
        return list(self.ask().request.messages)
