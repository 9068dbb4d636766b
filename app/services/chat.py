"""Single chat completions: the gateway's calls pass the same limits, breaker, routing and pricing as sub-agents."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import orjson

from app.domain.budget import dollars
from app.domain.usage import Usage
from app.ports.admission import CallOutcome, CallReport, LaneClosed, Slot, Slots
from app.ports.allowances import AllowanceBook, AllowanceExceeded, Reservation
from app.ports.clock import Clock
from app.ports.provider import (
    ChatRequest,
    ChatResult,
    Models,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    Route,
    Unavailable,
)
from app.services.affordability import refuse_unpriced
from app.services.usage import UsageService

_PATIENCE_S = 1.0
"""Somebody waits at the other end: a provider that is down is said to be, instead of being waited for."""

_OVERHEAD_TOKENS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer and what it took; ``cost_nano_usd`` is None where no price is known."""

    result: ChatResult
    route: Route
    latency_ms: float
    cost_nano_usd: int | None


@dataclass(frozen=True, slots=True)
class ChatService:
    models: Models
    slots: Slots
    allowances: AllowanceBook
    usage: UsageService
    clock: Clock
    max_output_tokens: int

    async def complete(
        self, requested_model: str, request: ChatRequest, *, tenant_id: str, key_id: str | None
    ) -> Completion:
        """Make one call.

        Args:
            request: its ``model`` is replaced by the name that the provider knows; without a cap on the completion it
                gets one where the key has a budget.

        Raises:
            UnknownModel: no provider serves the model.
            InvalidRequest: the key has a budget and the model no price.
            ProviderError: the call failed, or was not made: the key's budget of the day is used up, or the provider
                is known to be down.
        """
        route = await self.models.resolve(requested_model)
        if await self.allowances.is_capped(key_id):
            refuse_unpriced([route], "/model")
            request = replace(request, max_output_tokens=request.max_output_tokens or self.max_output_tokens)
        request = replace(request, model=route.model)
        try:
            async with (
                self.allowances.reserve(key_id, _most_nano_usd(request, route)) as reservation,
                self.slots.slot(route.lane, tenant=tenant_id, max_wait_s=_PATIENCE_S) as slot,
            ):
                try:
                    return await self._call(route, request, slot, reservation, tenant_id, key_id)
                except ProviderError as exc:
                    slot.report = _report(exc)
                    if exc.may_be_billed:
                        lost = reservation.spent_nano_usd
                        await self.usage.add_call(
                            tenant_id, key_id, route.model, Usage(), None, unsettled_nano_usd=lost
                        )
                    else:
                        reservation.spent_nano_usd = 0
                    raise
        except LaneClosed as exc:
            failure = Unavailable if exc.down else RateLimited
            status = 503 if exc.down else 429
            raise failure(f"{route.model}: {exc}", status=status, retry_after_s=exc.retry_after_s) from exc
        except AllowanceExceeded as exc:
            most = dollars(_most_nano_usd(request, route))
            left = dollars(max(exc.left_nano_usd, 0))
            raise QuotaExhausted(f"the call may cost up to {most}, and the key may spend {left} more today") from exc

    async def _call(
        self,
        route: Route,
        request: ChatRequest,
        slot: Slot,
        reservation: Reservation,
        tenant_id: str,
        key_id: str | None,
    ) -> Completion:
        started = self.clock.monotonic()
        try:
            async with asyncio.timeout(request.timeout_s):
                result = await route.provider.complete(request)
        except TimeoutError as exc:
            raise ProviderTimeout(f"no answer within {request.timeout_s:g} s") from exc
        latency_ms = round((self.clock.monotonic() - started) * 1000, 3)
        cost = route.cost_nano_usd(result)
        slot.report = CallReport(CallOutcome.OK, tokens=result.usage.total_tokens, sent_at=started)
        lost = reservation.spent_nano_usd if cost is None else 0
        if cost is not None:
            reservation.spent_nano_usd = cost
        await self.usage.add_call(tenant_id, key_id, route.model, result.usage, cost, unsettled_nano_usd=lost)
        return Completion(result=result, route=route, latency_ms=latency_ms, cost_nano_usd=cost)


def _most_nano_usd(request: ChatRequest, route: Route) -> int:
    """The most the call may cost: no tokenizer makes more tokens of a text than it has bytes."""
    if route.price is None or request.max_output_tokens is None:
        return 0
    body = orjson.dumps([list(request.messages), list(request.tools), request.response_format])
    answers = request.options.get("n") or 1
    return route.price.most_nano_usd(len(body) + _OVERHEAD_TOKENS, request.max_output_tokens * answers)


def _report(exc: ProviderError) -> CallReport:
    if isinstance(exc, RateLimited):
        return CallReport(CallOutcome.RATE_LIMITED, retry_after_s=exc.retry_after_s)
    if exc.outage:
        return CallReport(CallOutcome.FAILED)
    return CallReport(CallOutcome.NEUTRAL if exc.retryable else CallOutcome.OK)
