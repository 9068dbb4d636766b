"""A provider's server in the test's own loop, and the adapter that calls it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import pytest
from aiohttp import web

from app.ports.provider import ChatRequest, ProviderError
from app.providers.openai_chat import OpenAIChat
from app.providers.wire import PROFILES

KEY = "sk-test-0123456789abcdef"
NOW_S = 1_800_000_000
COMPLETION = {"model": "m", "choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 1}}

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Clock:
    def now_ms(self) -> int:
        return NOW_S * 1000

    def monotonic(self) -> float:
        return 0.0


class Upstream:
    """A provider's server that answers as ``handler`` says; keeps the requests and its open connections."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.requests: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        self.connections += 1
        try:
            assert self.handler is not None
            return await self.handler(request)
        finally:
            self.connections -= 1

    def answers(self, status: int = 200, body: object = COMPLETION, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def handler(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, body=raw, headers=named)

        self.handler = handler


def made(url: str, session: aiohttp.ClientSession, key: str | None = KEY) -> OpenAIChat:
    return OpenAIChat("upstream", url, api_key=key, profile=PROFILES["generic"], session=session, clock=Clock())


def ask(timeout_s: float = 10.0, content: str = "Hello") -> ChatRequest:
    return ChatRequest(model="m", messages=[{"role": "user", "content": content}], timeout_s=timeout_s)


async def failure(chat: OpenAIChat, timeout_s: float = 10.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await chat.complete(ask(timeout_s))
    return caught.value
