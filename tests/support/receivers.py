"""A receiver of webhooks on this machine, which checks every signature with the library that receivers use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from aiohttp import web
from standardwebhooks import Webhook

from tests.support.problems import pointers, problem
from tests.support.web_pages import Site, site

DEADLINE_S = 30.0
TASKS = [{"id": "a", "prompt": "Say a."}, {"id": "b", "prompt": "Say b.", "depends_on": ["a"]}]


@dataclass(frozen=True)
class Received:
    """One request: its headers in lower case, its body as it came."""

    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> dict[str, Any]:
        """The message; raises where its signature is not one of this secret."""
        message: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return message

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """``answers`` are statuses, or handlers, in turn; the last one goes on."""

    site: Site
    answers: list[int | Callable[[web.Request], Any]] = field(default_factory=lambda: [204])
    got: list[Received] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return self.site.url("/hook")

    async def take(self, count: int) -> list[Received]:
        """Wait until ``count`` requests came."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.got) < count:
                self._news.clear()
                await self._news.wait()
        return self.got[:count]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Received(headers, await request.read()))
        self._news.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            return web.Response(status=answer)
        response: web.StreamResponse = await answer(request)
        return response


@asynccontextmanager
async def receiver(*answers: int | Callable[[web.Request], Any], host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    async with site(host) as made:
        found = Receiver(made)
        if answers:
            found.answers = list(answers)
        made.answers["/hook"] = found.answer
        yield found


async def delivery(client: httpx2.AsyncClient, wanted: Callable[[dict[str, Any]], Any], **where: str) -> dict[str, Any]:
    """Wait for a delivery of which ``wanted`` holds."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            page = (await client.get("/v1/webhooks/deliveries", params=where)).json()
            for item in page["items"]:
                if wanted(item):
                    return dict(item)
            await asyncio.sleep(0.01)


async def run(client: httpx2.AsyncClient, webhook: Any, **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/swarms", json={"tasks": TASKS, "webhook": webhook} | fields, params={"wait": 20})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def tenants_secret(client: httpx2.AsyncClient) -> str:
    response = await client.get("/v1/webhooks/secret")
    assert response.status_code == 200, response.text
    return str(response.json()["secret"])


def wrong_fields(response: httpx2.Response) -> list[str]:
    return pointers(problem(response, 422))


def delivered(item: dict[str, Any]) -> bool:
    return bool(item["status"] == "delivered")
