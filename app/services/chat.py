"""Single chat completions: the gateway's calls pass the same admission, routing and pricing as sub-agents."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from app.ports.admission import Slots
from app.ports.clock import Clock
from app.ports.provider import ChatRequest, ChatResult, Models, ProviderTimeout, Route


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
    clock: Clock

    async def complete(self, requested_model: str, request: ChatRequest) -> Completion:
        """Make one call.

        Args:
            request: its ``model`` is replaced by the name that the provider knows.

        Raises:
            UnknownModel: no provider serves the model.
            ProviderError: the call failed.
        """
        route = await self.models.resolve(requested_model)
        async with self.slots.slot(route.lane):
            started = self.clock.monotonic()
            try:
                async with asyncio.timeout(request.timeout_s):
                    result = await route.provider.complete(replace(request, model=route.model))
            except TimeoutError as exc:
                raise ProviderTimeout(f"no answer within {request.timeout_s:g} s") from exc
            latency_ms = round((self.clock.monotonic() - started) * 1000, 3)
        return Completion(result=result, route=route, latency_ms=latency_ms, cost_nano_usd=route.cost_nano_usd(result))
