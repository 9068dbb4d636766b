"""One call of an attempt, from its journal to its outcome. Expected failure is a value; nothing but a cancel raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

import orjson
import structlog

from app.domain.facts import AttemptCompleted, AttemptFailed, StepTaken
from app.domain.ids import sub_agent_id
from app.domain.journal import RESULTS, TOOLS
from app.domain.parts import pictured, pictures_of
from app.domain.retry import TaskError
from app.domain.usage import NANO_USD, Usage
from app.ports.clock import Clock, Entropy
from app.ports.dispatch import Answer, Begins, Job, NoteLimits
from app.ports.pictures import Pictures, PictureUnavailable, TextOnlyModel
from app.ports.provider import (
    OFFLINE,
    ChatRequest,
    ChatResult,
    Models,
    ProviderError,
    RateLimited,
    RateLimitHeaders,
    Route,
    UnknownModel,
)
from app.ports.tools import ToolContext
from app.scheduler import conversation, tool_calls
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.calls import Call, NotStorable, json_record
from app.scheduler.conversation import Done, GoOn, Outcome, Wanting
from app.scheduler.growing import Growing
from app.scheduler.retelling import MAX_NAME_CHARS
from app.scheduler.tool_runner import ToolRunner

_log = structlog.get_logger(__name__)

_LARGE = 50_000
"""Characters of an answer that is read in a thread."""

_FOR_TOOLS = 0.8
"""Of what an attempt has left, how much the tools of a turn may take: the model has to be told, and answer."""

_MAX_MESSAGE = 2_000
_MAX_MODEL_NAME = 200
_MAX_TOKENS = 10**9
_MAX_COST_NANO_USD = 1_000 * NANO_USD
"""Far above any one call; what a provider claims beyond would overflow the sums of a run, which are 64-bit integers."""


def _ignore(lane: str, headers: RateLimitHeaders) -> None:
    pass


class Executor:
    """Args:
    pictures: makes data URIs of uploads; None where there are none.
    enter: told of swarm, task index and attempt before the calls for it, which are made in the same asyncio task.
    """

    def __init__(
        self,
        models: Models,
        loop: AgentLoop,
        tools: ToolRunner,
        growing: Growing,
        clock: Clock,
        entropy: Entropy,
        pictures: Pictures | None = None,
        enter: Callable[[str, int, int], None] = lambda swarm_id, index, attempt: None,
    ) -> None:
        self._models = models
        self._loop = loop
        self._tools = tools
        self._growing = growing
        self._clock = clock
        self._entropy = entropy
        self._pictures = pictures
        self._enter = enter

    async def run(self, job: Job, note_limits: NoteLimits = _ignore, begins: Begins | None = None) -> Answer:
        """Make the attempt's next call under what is left of its timeout and return what came of it.

        Args:
            note_limits: told what the provider says of its own rate limits in the headers of its answer.
            begins: called first of all.

        Raises:
            CancelledError: only when the attempt itself is cancelled; its connection is then closed.
        """
        self._enter(job.swarm_id, job.index, job.attempt)
        if begins is not None:
            begins()
        if job.timeout_s <= 0:
            return self._late(job, "its calls so far took all of its time", 0.0)
        return await (self._run_tools(job) if job.model == TOOLS else self._run_model(job, note_limits))

    async def _run_model(self, job: Job, note_limits: NoteLimits) -> Answer:
        started = self._clock.monotonic()
        result: ChatResult | None = None
        route: Route | None = None
        retry_after_s: float | None = None
        steps = 1
        settled = False  # a call whose bill nobody knows, unless more is known of it
        outage = False
        record: str | None = None
        try:
            async with asyncio.timeout(job.timeout_s) as deadline:
                route = await self._route(job)
                call = self._loop.next_call(job, route)
                if pictured(job.payload):
                    result = _sane(await self._with_pictures(job, route, call.request, deadline))
                else:
                    result = _sane(await route.provider.complete(call.request))
            if result.rate_limit is not None:
                note_limits(route.lane, result.rate_limit)
            latency_ms = self._elapsed_ms(started)
            outcome = await self._read(job, call, result)
            if not isinstance(outcome, Wanting):
                return await self._answered(job, route, result, outcome, latency_ms)
            error = TaskError(type=outcome.kind, message=_text(outcome.message), retryable=outcome.retryable)
            record = None if outcome.record is None else json_record(outcome.record)
        except TimeoutError:
            error = TaskError(type="timeout", message=f"no answer within {job.timeout_s:g} s", retryable=True)
            outage = True
        except ProviderError as exc:
            error = TaskError(type=exc.kind, message=_text(exc.message), retryable=exc.retryable)
            retry_after_s = exc.retry_after_s
            steps = 0 if isinstance(exc, RateLimited) else 1  # turned away: no model did any work
            settled = not exc.may_be_billed
            outage = exc.outage
        except UnknownModel as exc:
            # It was known when the run was accepted, so its provider may only be unable to list its models now.
            error = TaskError(type=exc.code, message=_text(exc.detail), retryable=True)
            steps = 0
            settled = True
        except PictureUnavailable as exc:
            error = TaskError(type=exc.code, message=_text(exc.detail), retryable=False)
            steps = 0
            settled = True
        except NotStorable as exc:
            error = TaskError(type="malformed_answer", message=str(exc), retryable=True)
        except (Exception, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_cancelled():
                raise
            _log.exception("attempt_crashed", swarm_id=job.swarm_id, task_id=job.task_id, attempt=job.attempt)
            error = TaskError(type="internal", message="a fault of the service; see its log", retryable=True)
        return AttemptFailed(
            index=job.index,
            attempt=job.attempt,
            error=error,
            jitter_sample=self._entropy.sample(),
            latency_ms=self._elapsed_ms(started),
            retry_after_s=retry_after_s,
            model=result.model if result else route.model if route else None,
            usage=result.usage if result else Usage(),
            cost_nano_usd=_cost(route, result) if route and result else 0 if settled else None,
            steps=steps,
            settled=_is_settled(result) if result else settled,
            outage=outage,
            step=job.step,
            record=record,
        )

    async def _route(self, job: Job) -> Route:
        route = await self._models.resolve(self._loop.model_of(job))
        # Without any provider the built-in model serves every name. It must not pass for the one that was chosen.
        if route.provider.name == OFFLINE and job.provider not in (None, OFFLINE):
            raise UnknownModel(f"this worker has no provider {job.provider!r}: give it those of the services")
        return route

    async def _with_pictures(
        self, job: Job, route: Route, request: ChatRequest, deadline: asyncio.Timeout
    ) -> ChatResult:
        """Make a call of a task with images or videos: uploads among them become data URIs for as long as it lasts.

        The wait for room for them is no time of the provider's: it ends, as every call does that takes up room.
        """
        if not any(pictures_of(message["content"]) for message in request.messages):  # a judge's call has words alone
            return await route.provider.complete(request)
        if route.vision is False:  # configured otherwise when the run was accepted
            raise TextOnlyModel(route.requested)
        if self._pictures is None:
            return await route.provider.complete(request)
        deadline.reschedule(None)
        async with self._pictures.sendable(job.tenant_id, request.messages) as messages:
            deadline.reschedule(asyncio.get_running_loop().time() + job.timeout_s)
            return await route.provider.complete(replace(request, messages=messages))

    async def _run_tools(self, job: Job) -> StepTaken | AttemptFailed:
        """Carry out the tool calls that the task's journal ends with."""
        started = self._clock.monotonic()
        [*_, last] = conversation.read(job.journal).records
        calls = last["tool_calls"]
        allowed = tool_calls.listed(job.spec, orjson.loads(job.payload))
        context = ToolContext(
            tenant_id=job.tenant_id,
            agent_id=job.spec.agent_id,
            swarm_id=job.swarm_id,
            task_id=job.task_id,
            index=job.index,
            sub_agent_id=sub_agent_id(job.swarm_id, job.index),
            run_key=f"{job.swarm_id}/{job.index}/{job.step}",
            tools=allowed,
        )
        try:
            async with asyncio.timeout(job.timeout_s):
                results = await self._tools.run_all(context, allowed, calls, job.timeout_s * _FOR_TOOLS)
        except TimeoutError:
            return self._late(job, f"its tools did not end in {job.timeout_s:g} s", self._elapsed_ms(started))
        return StepTaken(
            index=job.index,
            attempt=job.attempt,
            step=job.step,
            record=json_record({"kind": RESULTS, "results": results}),
            kind=RESULTS,
            model="",
            usage=Usage(),
            cost_nano_usd=None,
            latency_ms=self._elapsed_ms(started),
            steps=0,
            tools=_shown(call["name"] for call in calls),
        )

    def _late(self, job: Job, why: str, latency_ms: float) -> AttemptFailed:
        """The attempt's time is up, and no call was made for it."""
        return AttemptFailed(
            index=job.index,
            attempt=job.attempt,
            error=TaskError(type="timeout", message=why, retryable=True),
            jitter_sample=self._entropy.sample(),
            latency_ms=latency_ms,
            cost_nano_usd=None,
            steps=0,
            step=job.step,
        )

    async def _read(self, job: Job, call: Call, result: ChatResult) -> Outcome:
        """Read the answer; a large one that has to match a schema in a thread, for it takes the processor a while."""
        if call.schema is not None and len(result.content or "") > _LARGE:
            return await asyncio.to_thread(self._loop.read, job, call, result)
        return self._loop.read(job, call, result)

    async def _answered(
        self, job: Job, route: Route, result: ChatResult, outcome: Done | GoOn, latency_ms: float
    ) -> AttemptCompleted | StepTaken:
        planned = outcome.plan if isinstance(outcome, Done) else outcome.work
        tasks = await self._growing.tasks(job.spec, planned) if planned else ()
        if isinstance(outcome, GoOn):
            return StepTaken(
                index=job.index,
                attempt=job.attempt,
                step=job.step,
                record=json_record(outcome.record),
                kind=str(outcome.record["kind"]),
                model=result.model,
                usage=result.usage,
                cost_nano_usd=_cost(route, result),
                latency_ms=latency_ms,
                settled=_is_settled(result),
                next_model=outcome.next_model,
                tools=_shown(one.name for one in result.tool_calls),
                tasks=tasks,
            )
        return AttemptCompleted(
            index=job.index,
            attempt=job.attempt,
            output=outcome.output,
            model=result.model,
            usage=result.usage,
            cost_nano_usd=_cost(route, result),
            latency_ms=latency_ms,
            settled=_is_settled(result),
            step=job.step,
            score=outcome.score,
            answered_by=outcome.model,
            tasks=tasks,
        )

    def _elapsed_ms(self, started: float) -> float:
        return round((self._clock.monotonic() - started) * 1000, 3)


def _shown(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of called tools as an event tells them: models make up names, and call thousands."""
    return tuple(_text(name[:MAX_NAME_CHARS]) for name in islice(names, tool_calls.MAX_CALLS))


def _is_cancelled() -> bool:
    """Whether this task was asked to stop; a library may also let a cancellation of its own escape."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _text(text: str) -> str:
    """Return ``text`` as it can be stored: without lone surrogates, of a bounded length."""
    return text[:_MAX_MESSAGE].encode("utf-8", "replace").decode()


def _sane(result: ChatResult) -> ChatResult:
    """Bound what is added up and what becomes a label; a provider's nonsense must not stop the run."""
    usage, model = result.usage, result.model
    figures = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    if min(figures) >= 0 and max(figures) <= _MAX_TOKENS and len(model) <= _MAX_MODEL_NAME and model.isascii():
        return result
    bounded = Usage(
        prompt_tokens=_bounded(usage.prompt_tokens, _MAX_TOKENS),
        completion_tokens=_bounded(usage.completion_tokens, _MAX_TOKENS),
        cached_tokens=_bounded(usage.cached_tokens, _MAX_TOKENS),
    )
    return replace(result, model=_text(model[:_MAX_MODEL_NAME]), usage=bounded)


def _is_settled(result: ChatResult) -> bool:
    """Whether the provider said what the call used."""
    return result.usage_reported or result.cost_nano_usd is not None


def _cost(route: Route, result: ChatResult) -> int | None:
    cost = route.cost_nano_usd(result)
    return None if cost is None else _bounded(cost, _MAX_COST_NANO_USD)


def _bounded(number: int, largest: int) -> int:
    return min(max(number, 0), largest)
