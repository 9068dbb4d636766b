"""``OfflineProvider``: the offline model behind the ``ChatProvider`` port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.ports.provider import ChatDelta, ChatRequest, ChatResult, Sink, ToolCallDelta
from app.providers.offline.answer import MODEL, respond
from app.providers.offline.reading import content_text

INLINE_CHARACTERS = 50_000
"""Requests up to this much text are answered on the event loop: it takes less time than a hop to a thread and back
costs under load. Longer ones go to a thread, because a summary of megabytes would freeze every other agent."""

PIECE_CHARACTERS = 24
"""Text in one piece of a streamed answer; a few words, as models write them."""

_MOST_PIECES = 2_000


class OfflineProvider:
    """Serves the one model ``offline``, in-process, without a key, a network or a clock."""

    name = MODEL

    async def complete(self, request: ChatRequest) -> ChatResult:
        """Answer ``request``; raises no provider error, because nothing outside this process can fail."""
        if sum(_weight(message) for message in request.messages) <= INLINE_CHARACTERS:
            return respond(request)
        return await asyncio.to_thread(respond, request)

    async def stream(self, request: ChatRequest, sink: Sink) -> ChatResult:
        """Answer ``request`` in pieces of a few words, the same ones each time; others get their turn in between."""
        result = await self.complete(request)
        text = result.content or ""
        size = max(PIECE_CHARACTERS, len(text) // _MOST_PIECES)
        for at in range(0, len(text), size):
            await sink(ChatDelta(model=result.model, content=text[at : at + size]))
            await asyncio.sleep(0)
        for index, call in enumerate(result.tool_calls):
            piece = ToolCallDelta(index=index, id=call.id, name=call.name, arguments=call.arguments)
            await sink(ChatDelta(model=result.model, tool_calls=(piece,)))
        return result

    async def models(self) -> Sequence[str]:
        return [MODEL]


def _weight(message: object) -> int:
    content = message.get("content") if isinstance(message, dict) else None
    return len(content) if isinstance(content, str) else len(content_text(content))
