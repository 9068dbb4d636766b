"""``OfflineProvider``: the offline model behind the ``ChatProvider`` port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.ports.provider import ChatRequest, ChatResult
from app.providers.offline.answer import MODEL, respond
from app.providers.offline.reading import content_text

INLINE_CHARACTERS = 50_000
"""Requests up to this much text are answered on the event loop: it takes less time than a hop to a thread and back
costs under load. Longer ones go to a thread, because a summary of megabytes would freeze every other agent."""


class OfflineProvider:
    """Serves the one model ``offline``, in-process, without a key, a network or a clock."""

    name = MODEL

    async def complete(self, request: ChatRequest) -> ChatResult:
        """Answer ``request``; raises no provider error, because nothing outside this process can fail."""
        if sum(_weight(message) for message in request.messages) <= INLINE_CHARACTERS:
            return respond(request)
        return await asyncio.to_thread(respond, request)

    async def models(self) -> Sequence[str]:
        return [MODEL]


def _weight(message: object) -> int:
    content = message.get("content") if isinstance(message, dict) else None
    return len(content) if isinstance(content, str) else len(content_text(content))
