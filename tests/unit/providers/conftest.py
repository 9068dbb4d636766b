"""An upstream on a real socket, and the adapter that calls it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from app.providers.openai_chat import OpenAIChat, new_session
from tests.support.upstream import Upstream, made


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    runner = web.ServerRunner(web.Server(upstream.handle, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield upstream
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session() as session:
        yield session


@pytest.fixture
def chat(upstream: Upstream, session: aiohttp.ClientSession) -> OpenAIChat:
    return made(upstream.url, session)
