"""Single chat completions: the gateway's calls pass the same limits, breaker, routing and pricing as sub-agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.domain.budget import dollars
from app.domain.errors import InvalidRequest
from app.domain.parts import MEDIA, pictures_of
from app.domain.usage import Usage
from app.ports.admission import CallOutcome, CallReport, LaneClosed, Slot, Slots
from app.ports.allowances import AllowanceBook, AllowanceExceeded, Reservation
from app.ports.clock import Clock
from app.ports.pictures import PictureUnavailable, TextOnlyModel
from app.ports.provider import (
    UNKNOWN_THINKING,
    ChatDelta,
    ChatRequest,
    ChatResult,
    JsonObject,
    Models,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RateLimitHeaders,
    Refused,
    Route,
    Sink,
    Unavailable,
)
from app.services.affordability import refuse_unpriced
from app.services.pictures import PictureService
from app.services.usage import UsageService

_PATIENCE_S = 1.0
"""Somebody waits at the other end: a provider that is down is said to be, instead of being waited for."""

_OVERHEAD_TOKENS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer and what it took; ``cost_nano_usd`` is None where no price is known."""

    result: ChatResult
    requested_model: str
    latency_ms: float
    cost_nano_usd: int | None


@dataclass(frozen=True, slots=True)
class ChatService:
    """Args:
    note_limits: told what the provider of a lane says of its own rate limits in the headers of an answer.
    """

    models: Models
    slots: Slots
    allowances: AllowanceBook
    usage: UsageService
    clock: Clock
    max_output_tokens: int
    pictures: PictureService
    note_limits: Callable[[str, RateLimitHeaders], None]

    async def complete(
        self,
        requested_model: str,
        request: ChatRequest,
        *,
        tenant_id: str,
        key_id: str | None,
        sink: Sink | None = None,
    ) -> Completion:
        """Make one call.

        Args:
            request: its ``model`` is replaced by the name that the provider knows; without a cap on the completion it
                gets one where the key has a budget.
            sink: takes the answer as it is written; None for an answer in one piece.

        Raises:
            UnknownModel: no provider serves the model.
            InvalidRequest: the key has a budget and the model no price; it reads text only and there are images; an
                uploaded image or video that is none.
            CreditsUsedUp: the tenant's prepaid credits do not suffice.
            ProviderError: the call failed, or was not made: the key's budget of the day is used up, or the provider
                is known to be down.
        """
        route = await self.models.resolve(requested_model)
        if await self.allowances.check(key_id, tenant_id):
            refuse_unpriced([route], "/model")
            request = replace(request, max_output_tokens=request.max_output_tokens or self.max_output_tokens)
        request = replace(request, model=route.model, options=_options(request, route))
        await self._check_pictures(tenant_id, route, request)
        most = _most_nano_usd(request, route)
        try:
            async with self.allowances.reserve(key_id, tenant_id, most) as reservation:
                return await self._count(route, request, reservation, tenant_id, key_id, sink)
        except LaneClosed as exc:
            failure = Unavailable if exc.down else RateLimited
            status = 503 if exc.down else 429
            raise failure(f"{route.model}: {exc}", status=status, retry_after_s=exc.retry_after_s) from exc
        except AllowanceExceeded as exc:
            left = dollars(max(exc.left_nano_usd, 0))
            raise QuotaExhausted(
                f"the call may cost up to {dollars(most)}, and the key may spend {left} more today"
            ) from exc

    async def _check_pictures(self, tenant_id: str, route: Route, request: ChatRequest) -> None:
        """Refuse images that cannot be read or sent; addresses of other kinds are the provider's to judge."""
        for index, message in enumerate(request.messages):
            content = message.get("content")
            if not isinstance(content, list) or not pictures_of(content):
                continue
            if route.vision is False:
                raise InvalidRequest.field("/model", TextOnlyModel(route.requested).detail)
            await self.pictures.check_content(tenant_id, content, f"/messages/{index}/content")

    async def _count(
        self,
        route: Route,
        request: ChatRequest,
        reservation: Reservation,
        tenant_id: str,
        key_id: str | None,
        sink: Sink | None,
    ) -> Completion:
        """Make the call and count it, whatever becomes of it."""
        most, reservation.spent_nano_usd = reservation.spent_nano_usd, 0  # nothing was sent yet
        sent = False
        try:
            async with self.slots.slot(route.lane, tenant=tenant_id, key_id=key_id, max_wait_s=_PATIENCE_S) as slot:
                sent, reservation.spent_nano_usd = True, most
                result, latency_ms = await self._call(route, request, slot, tenant_id, sink)
        except BaseException as exc:
            # Whoever waits no longer for an answer, by going away or by not reading it, is billed for it all the same.
            if sent and (not isinstance(exc, ProviderError) or exc.may_be_billed):
                await asyncio.shield(
                    self.usage.add_call(tenant_id, key_id, route.model, Usage(), None, unsettled_nano_usd=most)
                )
            else:
                reservation.spent_nano_usd = 0
            raise
        cost = route.cost_nano_usd(result)
        if cost is not None:
            reservation.spent_nano_usd = cost
        lost = most if cost is None else 0
        await self.usage.add_call(tenant_id, key_id, route.model, result.usage, cost, unsettled_nano_usd=lost)
        return Completion(result=result, requested_model=route.requested, latency_ms=latency_ms, cost_nano_usd=cost)

    async def _call(
        self, route: Route, request: ChatRequest, slot: Slot, tenant_id: str, sink: Sink | None
    ) -> tuple[ChatResult, float]:
        """Return the answer, and how many milliseconds it took."""
        started = self.clock.monotonic()
        begun = False

        async def pass_on(delta: ChatDelta) -> None:
            nonlocal begun
            begun = True
            assert sink is not None
            await sink(delta)

        try:
            async with asyncio.timeout(request.timeout_s):
                async with self.pictures.sendable(tenant_id, request.messages) as messages:
                    if messages is not request.messages:
                        request = replace(request, messages=messages)
                    if sink is None:
                        result = await route.provider.complete(request)
                    else:
                        result = await route.provider.stream(request, pass_on)
        except TimeoutError as exc:
            slot.report = CallReport(CallOutcome.NEUTRAL if begun else CallOutcome.FAILED)
            raise ProviderTimeout(f"no {'whole ' if begun else ''}answer within {request.timeout_s:g} s") from exc
        except PictureUnavailable as exc:  # it was there a moment ago
            slot.report = CallReport(CallOutcome.UNUSED)
            raise Refused(exc.detail, status=400) from exc
        except ProviderError as exc:
            # A provider that wrote until the time was up is not down; nor may a slow reader make it look so.
            slow = begun and isinstance(exc, ProviderTimeout)
            slot.report = CallReport(CallOutcome.NEUTRAL) if slow else _report(exc)
            raise
        latency_ms = round((self.clock.monotonic() - started) * 1000, 3)
        slot.report = CallReport(CallOutcome.OK, tokens=result.usage.total_tokens, sent_at=started)
        if result.rate_limit is not None:
            self.note_limits(route.lane, result.rate_limit)
        return result, latency_ms


def _options(request: ChatRequest, route: Route) -> Mapping[str, Any]:
    """Return the options with ``thinking`` as the route's vendor takes it: other vendors refuse the field."""
    wanted = request.options.get("thinking")
    known = {**route.thinking.on, **route.thinking.off}
    if wanted is None or (isinstance(wanted, dict) and (route.thinking is UNKNOWN_THINKING or "thinking" in known)):
        return request.options
    enabled = wanted if isinstance(wanted, bool) else wanted.get("type") != "disabled"
    others = {name: value for name, value in request.options.items() if name != "thinking"}
    return route.thinking_options(enabled, tools=bool(request.tools)) | others


def _words_only(message: JsonObject) -> JsonObject:
    """Return a message without the addresses of its images and videos: their bytes are no tokens."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [one if one.get("type") not in MEDIA else one["type"] for one in content]}


def _most_nano_usd(request: ChatRequest, route: Route) -> int:
    """The most the call may cost: no tokenizer makes more tokens of a text than it has bytes."""
    if route.price is None or request.max_output_tokens is None:
        return 0
    pictures = [part for message in request.messages for part in pictures_of(message.get("content"))]
    picture_tokens = sum(map(route.part_tokens.of, pictures))
    messages = [_words_only(message) for message in request.messages]
    body = orjson.dumps([messages, list(request.tools), request.response_format])
    answers = request.options.get("n") or 1
    prompt = len(body) + picture_tokens + _OVERHEAD_TOKENS
    return route.price.most_nano_usd(prompt, request.max_output_tokens * answers)


def _report(exc: ProviderError) -> CallReport:
    if isinstance(exc, RateLimited):
        return CallReport(CallOutcome.RATE_LIMITED, retry_after_s=exc.retry_after_s)
    if exc.outage:
        return CallReport(CallOutcome.FAILED)
    return CallReport(CallOutcome.ERRED if exc.retryable else CallOutcome.OK)
