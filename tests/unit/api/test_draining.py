"""What requests get while the service drains, and how those that wait are answered at its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from app.api.draining import Draining, OpenRequests
from tests.support.driving import serving

pytestmark = pytest.mark.anyio


def application(requests: OpenRequests) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/swarms")
    @app.get("/v1/wait")
    async def wait() -> None:
        await asyncio.Event().wait()

    @app.post("/v1/swarms/{swarm_id}/cancel")
    @app.get("/v1/swarms")
    async def quick() -> dict[str, Any]:
        return {}

    @app.get("/v1/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            yield "data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(parts(), media_type="text/event-stream")

    app.add_middleware(Draining, requests=requests)
    return app


def client_of(requests: OpenRequests) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(application(requests)), base_url="http://127.0.0.1")


async def under_way(requests: OpenRequests, count: int) -> None:
    async with asyncio.timeout(30):
        while len(requests.tasks) < count:
            await asyncio.sleep(0)


async def test_work_is_refused_and_what_reads_or_steers_is_not() -> None:
    requests = OpenRequests()
    requests.draining = True
    async with client_of(requests) as client:
        refused = await client.post("/v1/swarms")
        unknown = await client.post("/v1/swarms/x/begin-something")

        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert refused.headers["retry-after"]
        assert unknown.status_code == 503
        assert (await client.get("/v1/swarms")).status_code == 200
        assert (await client.post("/v1/swarms/x/cancel")).status_code == 200


async def test_the_end_answers_who_waits_and_finishes_streams() -> None:
    requests = OpenRequests()
    async with client_of(requests) as client:
        posted, waiting, streaming = [
            asyncio.create_task(client.request(method, path))
            for method, path in (("POST", "/v1/swarms"), ("GET", "/v1/wait"), ("GET", "/v1/stream"))
        ]
        await under_way(requests, 3)

        await requests.close()

        assert [(await task).json()["code"] for task in (posted, waiting)] == ["draining"] * 2
        assert ((await streaming).status_code, (await streaming).text) == (200, "data: 1\n\n")
        assert (await client.get("/v1/swarms")).status_code == 503
    assert not requests.tasks


async def test_a_client_that_goes_away_is_no_end() -> None:
    requests = OpenRequests()
    async with client_of(requests) as client:
        task = asyncio.create_task(client.get("/v1/wait"))
        await under_way(requests, 1)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
    assert not requests.tasks


async def test_readiness_says_that_the_service_drains(tmp_path: Path) -> None:
    async with serving(tmp_path) as (client, _):
        assert (await client.get("/readyz")).status_code == 200
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        app.state.requests.draining = True

        ready = await client.get("/readyz")

        assert (ready.status_code, ready.json()["code"]) == (503, "draining")
        assert (await client.get("/healthz")).status_code == 200
