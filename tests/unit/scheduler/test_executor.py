"""One attempt: every failure is an outcome, every outcome can be stored, only a cancel raises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.facts import AttemptCompleted, AttemptFailed, StepTaken
from app.domain.swarm import SwarmSpec
from app.domain.usage import Price, Usage
from app.outputs.json_schema import JsonSchemas
from app.ports import provider as errors
from app.ports.dispatch import Job
from app.ports.provider import ChatRequest, ChatResult, Route, UnknownModel
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.executor import Executor
from app.scheduler.growing import Growing
from app.scheduler.tool_runner import ToolRunner
from app.tools.registry import Registry
from tests.support.providers import InOnePiece, hang
from tests.support.steady import SteadyEntropy, TickingClock

pytestmark = pytest.mark.anyio

Answer = Callable[[ChatRequest], Awaitable[ChatResult]]
PRICE = Price(input_nano_per_mtok=2_000_000, output_nano_per_mtok=10_000_000)


class Models(InOnePiece):
    """One provider, which is also the only route; keeps the requests."""

    name = "lane"

    def __init__(self, answer: ChatResult | BaseException | Answer, price: Price | None = None) -> None:
        self._answer = answer
        self._price = price
        self.requests: list[ChatRequest] = []

    async def resolve(self, requested: str | None) -> Route:
        if requested == "unknown":
            raise UnknownModel("no configured provider serves the model 'unknown'")
        return Route(requested=requested or "default", provider=self, model="upstream", price=self._price)

    async def names(self) -> Sequence[str]:
        return ["upstream"]

    async def models(self) -> Sequence[str]:
        return ["upstream"]

    async def complete(self, request: ChatRequest) -> ChatResult:
        self.requests.append(request)
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer if isinstance(self._answer, ChatResult) else await self._answer(request)


def answer(content: str | None = "hello", **fields: Any) -> ChatResult:
    usage = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=10)
    return ChatResult(**({"content": content, "model": "upstream-2026", "usage": usage} | fields))


def job(**fields: Any) -> Job:
    plain: dict[str, Any] = {
        "swarm_id": "swm_1",
        "spec": SwarmSpec(agent_id="agt_1", system_prompt="Be brief."),
        "index": 3,
        "task_id": "t3",
        "attempt": 2,
        "model": None,
        "timeout_s": 5.0,
        "payload": '{"prompt":"Do it.","data":0,"extra":{"format":"x"}}',
        "inputs": {"b": '"from b"', "a": '{"k":[1]}'},
    }
    return Job(**(plain | fields))


async def run(models: Models, **fields: Any) -> AttemptCompleted | StepTaken | AttemptFailed:
    return await Executor(
        models,
        AgentLoop(JsonSchemas(), Registry([])),
        ToolRunner(Registry([]), JsonSchemas()),
        Growing(models),
        TickingClock(0.0125),
        SteadyEntropy(),
    ).run(job(**fields))


async def failure(models: Models, *, latency_ms: float = 12.5, **fields: Any) -> AttemptFailed:
    fact = await run(models, **fields)
    assert isinstance(fact, AttemptFailed)
    assert (fact.index, fact.attempt, fact.jitter_sample, fact.latency_ms) == (3, 2, 0.25, latency_ms)
    fact.error.message.encode()
    return fact


async def test_an_answer_is_an_outcome() -> None:
    fact = await run(Models(answer('ä "𝄞"'), PRICE))

    assert fact == AttemptCompleted(
        index=3,
        attempt=2,
        output='"ä \\"𝄞\\""',
        model="upstream-2026",
        usage=Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=10),
        cost_nano_usd=3000,
        latency_ms=12.5,
    )


async def test_the_request_carries_what_the_task_says() -> None:
    models = Models(answer())

    await run(
        models, payload='{"prompt":"Do it.","data":0,"extra":{"format":"x"},"max_output_tokens":7}', timeout_s=9.0
    )
    await run(models)

    [request, plain] = models.requests
    assert (request.model, request.timeout_s, request.max_output_tokens) == ("upstream", 9.0, 7)
    assert plain.max_output_tokens == 2048
    assert list(request.messages) == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": 'Do it.\n\n## Task\n{"id":"t3","data":0,"format":"x"}\n\n'
            '## Inputs\n{"b":"from b","a":{"k":[1]}}',
        },
    ]


@pytest.mark.parametrize(
    ("error", "kind", "retryable", "steps"),
    [
        (errors.RateLimited("slow", status=429, retry_after_s=7.0), "rate_limit", True, 0),
        (errors.ProviderTimeout("late"), "timeout", True, 1),
        (errors.Unavailable("away", status=503), "provider_unavailable", True, 1),
        (errors.MalformedAnswer("html"), "malformed_answer", True, 1),
        (errors.AnswerTooLarge("50 MB"), "answer_too_large", True, 1),
        (errors.QuotaExhausted("no credit"), "quota_exhausted", False, 1),
        (errors.Refused("too long"), "request_refused", False, 1),
        (errors.AuthenticationRejected("key"), "authentication", False, 1),
        (errors.ProviderError("?"), "provider_error", True, 1),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_an_error_of_the_provider_keeps_its_kind(
    error: errors.ProviderError, kind: str, retryable: bool, steps: int
) -> None:
    fact = await failure(Models(error))

    assert (fact.error.type, fact.error.message, fact.error.retryable) == (kind, error.message, retryable)
    assert (fact.retry_after_s, fact.model, fact.steps) == (error.retry_after_s, "upstream", steps)


async def test_the_total_timeout_cancels_the_call() -> None:
    fact = await failure(Models(lambda _: hang(None)), timeout_s=0.02)  # type: ignore[arg-type, return-value]

    assert (fact.error.type, fact.error.message, fact.error.retryable) == ("timeout", "no answer within 0.02 s", True)


async def test_a_model_that_cannot_be_found_now_may_be_found_later() -> None:
    """It was known when the run was accepted; its provider may only be unable to list its models for a while."""
    fact = await failure(Models(answer()), model="unknown")

    assert (fact.error.type, fact.error.retryable, fact.steps, fact.model) == ("unknown_model", True, 0, None)


async def test_a_process_without_providers_does_not_answer_for_one_that_was_chosen_elsewhere() -> None:
    builtin = Models(answer())
    builtin.name = "offline"

    fact = await failure(builtin, provider="moonshot")

    assert (fact.error.type, fact.error.retryable, fact.settled, fact.steps) == ("unknown_model", True, True, 0)
    assert fact.error.message == "this worker has no provider 'moonshot': give it those of the services"
    assert fact.model is None
    assert builtin.requests == []
    assert isinstance(await run(builtin, provider="offline"), AttemptCompleted)


@pytest.mark.parametrize("content", [None, "\ud800", "fine so far \udfff"])
async def test_an_answer_that_cannot_be_stored_is_malformed_and_billed(content: str | None) -> None:
    fact = await failure(Models(answer(content), PRICE), latency_ms=25.0)  # with the look at the answer

    assert (fact.error.type, fact.error.retryable) == ("malformed_answer", True)
    assert (fact.model, fact.usage.prompt_tokens, fact.cost_nano_usd) == ("upstream-2026", 1000, 3000)


@pytest.mark.parametrize("bug", [ValueError("secret detail"), KeyError("x"), RecursionError(), MemoryError()])
async def test_a_bug_is_logged_and_may_be_retried(bug: Exception) -> None:
    with capture_logs() as logs:
        fact = await failure(Models(bug))

    assert (fact.error.type, fact.error.retryable) == ("internal", True)
    assert "secret detail" not in fact.error.message
    [entry] = [log for log in logs if log["event"] == "attempt_crashed"]
    assert (entry["swarm_id"], entry["task_id"], entry["attempt"]) == ("swm_1", "t3", 2)
    assert entry["exc_info"]


async def test_a_payload_that_is_no_json_is_a_bug_and_no_crash() -> None:
    assert (await failure(Models(answer()), payload="{")).error.type == "internal"


async def test_a_cancel_raises_and_closes_the_call() -> None:
    closed = asyncio.Event()

    async def wait(_: ChatRequest) -> ChatResult:
        try:
            await hang(None)  # type: ignore[arg-type]
        finally:
            closed.set()
        return answer()

    attempt = asyncio.ensure_future(run(Models(wait)))
    await asyncio.sleep(0)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt

    assert closed.is_set()


async def test_a_cancellation_that_a_library_let_escape_is_a_failure() -> None:
    """Were it taken for a cancel of ours, nobody would hear of the attempt again and the run would hang."""
    with capture_logs():
        fact = await failure(Models(asyncio.CancelledError()))

    assert (fact.error.type, fact.error.retryable) == ("internal", True)


@pytest.mark.parametrize("message", ["x" * 100_000, "lone \ud800 surrogate", "\x00"])
async def test_messages_can_be_stored(message: str) -> None:
    fact = await failure(Models(errors.ProviderError(message)))

    assert len(fact.error.message) <= 2000


async def test_absurd_figures_are_bounded() -> None:
    usage = Usage(prompt_tokens=2**70, completion_tokens=-5, cached_tokens=2**62)

    fact = await run(Models(answer(usage=usage, model="m\udfff" + "x" * 10_000_000), PRICE))

    assert isinstance(fact, AttemptCompleted)
    assert fact.usage == Usage(prompt_tokens=10**9, completion_tokens=0, cached_tokens=10**9)
    assert fact.cost_nano_usd is not None
    assert 80_000 * fact.cost_nano_usd < 2**63
    assert len(fact.model.encode()) <= 200


@pytest.mark.parametrize(
    ("bill", "price", "cost"),
    [(5, PRICE, 5), (None, PRICE, 3000), (None, None, None), (10**30, None, 10**12), (-5, None, 0), (0, PRICE, 0)],
)
async def test_the_providers_own_bill_wins(bill: int | None, price: Price | None, cost: int | None) -> None:
    fact = await run(Models(answer(cost_nano_usd=bill), price))

    assert fact.cost_nano_usd == cost
