"""Chat completions that a swarm answers: ``model: "swarm/<orchestrator>"`` (contract, section 7).

The last user message is the goal of a run under that orchestrator; what was said before it goes to all its sub-agents
as shared context. The run is one like any other: it goes on when whoever asked goes away, and can be watched, steered
and paid for by its id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.domain import events
from app.domain.errors import InvalidRequest, NotFound, SwarmdError
from app.domain.parts import Content
from app.domain.retry import RetryPolicy
from app.domain.strategies import MODEL, NONE, SYNTHESIS, Options
from app.domain.swarm import PAUSED_BY_BUDGET, PAUSED_BY_FUNDS, SUPERVISOR, SwarmSpec, SwarmStatus
from app.ports.agents import AgentRow
from app.ports.provider import ChatResult, UnknownModel
from app.ports.runs import Beside
from app.ports.store import SwarmRow
from app.services.agents import AgentService
from app.services.chat import Completion
from app.services.composing import Composer, Goal
from app.services.streams import Streams
from app.services.swarms import SwarmService, nothing_beside

PREFIX = "swarm/"

_ENDS = {
    events.AGENT_FAILED: "failed",
    events.TASK_SKIPPED: "skipped",
    events.TASK_CANCELLED: "cancelled",
}
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmAsk:
    """What a chat request asks of a swarm.

    Attributes:
        goal: words or message parts; ``words`` are its words.
        shared_context: what was said before, for every sub-agent.
        output_schema: JSON Schema of the merged value.
        timeout_s: of the whole run; None for no limit.
    """

    goal: Content
    words: str
    shared_context: str | None = None
    output_schema: dict[str, Any] | None = None
    timeout_s: float | None = None


class RunStuck(SwarmdError):
    """The run is paused until its budget, or its key's, is raised."""

    code = "insufficient_quota"


class NoMergedAnswer(SwarmdError):
    """The run ended without a merged value."""

    code = "swarm_failed"


@dataclass(frozen=True, slots=True)
class SwarmChatService:
    agents: AgentService
    swarms: SwarmService
    streams: Streams
    composer: Composer

    async def orchestrator(self, tenant_id: str, model: str) -> AgentRow:
        """Return the orchestrator that a model name stands for.

        Raises:
            UnknownModel: the tenant has none of that id or name.
        """
        name = model.removeprefix(PREFIX)
        try:
            return await self.agents.get(tenant_id, name)
        except NotFound as exc:
            detail = f"no orchestrator has the id or name {name[:200]!r}; create one with POST /v1/agents/create"
            raise UnknownModel(detail) from exc

    async def start(
        self,
        agent: AgentRow,
        ask: SwarmAsk,
        *,
        key_id: str | None,
        beside: Callable[[SwarmRow], Beside] = nothing_beside,
    ) -> str:
        """Start a run under the orchestrator's configuration; return its id.

        Raises:
            InvalidRequest: a goal or a schema that cannot be used, an unknown model, …
        """
        config = agent.config
        strategy = SYNTHESIS if config.aggregation_strategy == NONE else config.aggregation_strategy
        if ask.output_schema is not None and strategy not in MODEL:
            detail = (
                f"is that of the merged answer, which this orchestrator's {strategy} takes from outputs as they are"
            )
            raise InvalidRequest.field("/response_format", detail)
        spec = SwarmSpec(
            agent_id=agent.agent_id,
            grouped=True,
            model=config.model,
            system_prompt=config.system_prompt,
            shared_context=ask.shared_context,
            max_parallel_agents=config.max_parallel_agents,
            max_steps=0,
            timeout_s=ask.timeout_s,
            retry=RetryPolicy(max_retries=config.max_retries, retry_on_timeout=config.retry_on_timeout),
            aggregate=Options(strategy=strategy, output_schema=ask.output_schema).as_json(),
            planner=SUPERVISOR,
            goal=ask.words,
            task_timeout_s=config.timeout_per_agent,
            tools=tuple(config.tool_names()),
        )
        goal = Goal(content=ask.goal if isinstance(ask.goal, str) else [dict(part) for part in ask.goal])
        spec, tasks = await self.composer.compose(self.swarms.with_defaults(spec), goal)
        row = await self.swarms.create(agent.tenant_id, spec, tasks, key_id=key_id, beside=beside)
        return row.swarm_id

    async def follow(self, tenant_id: str, swarm_id: str) -> AsyncGenerator[str, None]:
        """Yield the run's progress from its beginning in lines for people, until it has ended.

        Raises:
            RunStuck: it is paused for want of money; it stays as it is.
        """
        progress = _Progress()
        frames = await self.streams.of_swarm(tenant_id, swarm_id, None)
        async with aclosing(frames):
            async for batch in frames:
                for text in batch:
                    frame = orjson.loads(text)
                    if frame["type"] == events.SWARM_PAUSED:
                        await self._refuse_stuck(tenant_id, swarm_id)
                    for line in progress.lines(frame):
                        yield line

    async def answer(self, agent: AgentRow, swarm_id: str) -> tuple[Completion, SwarmRow]:
        """Return the merged value of an ended run as an answer, and the run.

        Raises:
            NoMergedAnswer: there is none.
        """
        row = await self.swarms.get(agent.tenant_id, swarm_id)
        value = row.aggregated
        if value is None:
            merge = (row.aggregation or {}).get("error")
            why = row.error or merge or "its outputs gave no merged value"
            raise NoMergedAnswer(
                f"swarm {swarm_id} {row.status}: {why}; its results: GET /v1/swarms/{swarm_id}/results"
            )
        content = value if isinstance(value, str) else orjson.dumps(value).decode()
        name = PREFIX + agent.name
        completion = Completion(
            result=ChatResult(content=content, model=name, usage=row.usage),
            requested_model=name,
            latency_ms=float((row.ended_at_ms or row.created_at_ms) - row.created_at_ms),
            cost_nano_usd=row.cost_nano_usd,
        )
        return completion, row

    async def _refuse_stuck(self, tenant_id: str, swarm_id: str) -> None:
        """A pause that is read in the log may be over."""
        row = await self.swarms.get(tenant_id, swarm_id)
        if row.status is SwarmStatus.PAUSED and row.pause_reason in {PAUSED_BY_BUDGET, *PAUSED_BY_FUNDS}:
            raise RunStuck(
                f"swarm {swarm_id} is paused, for its {row.pause_reason} is used up; once there is more,"
                f" POST /v1/swarms/{swarm_id}/resume goes on where it was"
            )


@dataclass(slots=True)
class _Progress:
    """Turns a run's events into lines."""

    planned: set[str] = field(default_factory=set)
    ended: int = 0
    told: bool = False

    def lines(self, frame: dict[str, Any]) -> list[str]:
        kind, task_id = frame["type"], frame["task_id"]
        if kind in {events.TASK_QUEUED, events.TASK_WAITING}:
            self.planned.add(task_id)
            return []
        if kind == events.AGENT_SPAWNED and not self.told:
            self.told = True
            count = len(self.planned)
            return [f"Planned {count} task{'' if count == 1 else 's'}.\n"]
        if kind == events.AGENT_COMPLETED:
            return [self._end(task_id, f"done in {frame['latency_ms'] / 1000:.1f} s")]
        if kind in _ENDS:
            return [self._end(task_id, f"{_ENDS[kind]}: {frame['error']}")]
        if kind == events.SWARM_PAUSED:
            return ["Paused.\n"]
        if kind == events.SWARM_RESUMED:
            return ["Resumed.\n"]
        return []

    def _end(self, task_id: str, what: str) -> str:
        self.ended += 1
        return f"[{self.ended}/{max(len(self.planned), self.ended)}] {_one_line(task_id)}: {_one_line(what)}\n"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
