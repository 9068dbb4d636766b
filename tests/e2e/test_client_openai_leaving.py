"""Readers of streams that leave, dawdle or are many; only the base URL of OpenAI's package is ours."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.support.openai_streams import PRICES, WORDS, held, in_flight, script, user
from tests.support.service import MockModelProcess, ServiceProcess, poll

READERS = 10


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock")) as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[ServiceProcess]:
    settings = {**PRICES, "SWARMD_SLOW_CLIENT_S": "1"}
    with ServiceProcess(tmp_path_factory.mktemp("leaving"), *mock.as_provider(), **settings) as process:
        yield process


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0, timeout=30) as client:
        yield client


def test_a_reader_that_leaves_ends_the_call_at_once(
    client: openai.OpenAI, service: ServiceProcess, mock: MockModelProcess
) -> None:
    """The mock's own log says that the connection was dropped; the slot is free; the usage knows of the call."""
    script(mock, {"match": "leave early", "content": WORDS, "fault": "stall"})
    stream = client.chat.completions.create(model="mock", messages=user("leave early"), stream=True, max_tokens=100)
    next(iter(stream))
    assert (in_flight(mock), held(service)) == (1, 1)
    before = unsettled(service)
    left_at = time.monotonic()
    stream.close()
    poll(lambda: in_flight(mock) == 0, every_s=0.005, what="the end of the call")

    assert time.monotonic() - left_at < 20
    assert mock.calls()[-1]["event"] == "dropped"
    poll(lambda: held(service) == 0, what="the slot")
    poll(lambda: unsettled(service) > before, what="the usage")


def test_a_swarm_goes_on_when_its_reader_leaves(client: openai.OpenAI, service: ServiceProcess) -> None:
    """It is paid for, and its id says where it is: to cancel it is a request of its own."""
    with service.client() as http:
        http.post("/v1/agents/create", json={"name": "team", "model": "mock"}).raise_for_status()
        stream = client.chat.completions.create(
            model="swarm/team", messages=user("Compare:\n1. ponds\n2. sand"), stream=True
        )
        swarm_id = stream.response.headers["X-Swarm-Id"]
        stream.close()
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(http.get(f"/v1/swarms/{swarm_id}").json())
            return found["ended_at"] is not None

        poll(ended, what="the end of the run")
    assert found["status"] == "completed"
    assert found["aggregated"]


def unsettled(service: ServiceProcess) -> float:
    with service.client() as client:
        rows = client.get("/v1/usage", params={"group_by": "model"}).json()["items"]
    return float(sum(row["unsettled_cost_usd"] for row in rows))


@pytest.mark.anyio
async def test_a_reader_that_reads_nothing_is_left_and_holds_no_slot(
    service: ServiceProcess, mock: MockModelProcess
) -> None:
    """Nothing piles up for it: the model is not read ahead of its reader."""
    script(mock, {"match": "too much", "content": "x", "huge_body_mb": 12, "times": READERS})
    host, port = service.url.removeprefix("http://").split(":")
    body = json.dumps({"model": "mock", "stream": True, "messages": user("too much")}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    before = psutil.Process(service.pid).memory_info().rss
    readers = []
    for _ in range(READERS):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the kernel takes enough as it is
        await asyncio.to_thread(sock.connect, (host, int(port)))
        readers.append(await asyncio.open_connection(sock=sock, limit=1024))
    for _, writer in readers:
        writer.write(head.encode() + body)
    async with asyncio.timeout(30):
        for reader, _ in readers:
            assert b"200" in await reader.readline()
        grown = 0
        while await asyncio.to_thread(in_flight, mock):
            grown = max(grown, psutil.Process(service.pid).memory_info().rss - before)
            await asyncio.sleep(0.05)
        while await asyncio.to_thread(held, service):
            await asyncio.sleep(0.05)
    for _, writer in readers:
        writer.close()

    assert grown < 80_000_000  # of the 120 MB that are said to them: what the kernel takes, some 3 MB each
    assert mock.calls()[-1]["event"] == "dropped"
    assert "slow_reader_left" in service.output


def test_300_streams_at_once(service: ServiceProcess) -> None:
    async def all_of_them() -> list[str]:
        limits = openai.DefaultAsyncHttpxClient(limits=httpx2.Limits(max_connections=300))
        async with openai.AsyncOpenAI(
            base_url=f"{service.url}/v1", api_key="anything", max_retries=0, http_client=limits
        ) as client:

            async def one(number: int) -> str:
                stream = await client.chat.completions.create(
                    model="mock", messages=user(f"say number {number}"), stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

            return list(await asyncio.gather(*map(one, range(300))))

    said = asyncio.run(all_of_them())

    assert [f"number {number}" in text for number, text in enumerate(said)] == [True] * 300
    poll(lambda: held(service) == 0, what="the end of the last call")


def test_a_service_that_stops_tells_its_readers(tmp_path: Path, mock: MockModelProcess) -> None:
    script(mock, {"match": "until the end", "content": WORDS, "fault": "stall"})
    with ExitStack() as stack:
        service = stack.enter_context(ServiceProcess(tmp_path, *mock.as_provider()))
        client = stack.enter_context(openai.OpenAI(base_url=f"{service.url}/v1", api_key="anything", max_retries=0))
        stream = client.chat.completions.create(model="mock", messages=user("until the end"), stream=True)
        next(iter(stream))
        with ThreadPoolExecutor() as threads:
            status = threads.submit(service.terminate)
            with pytest.raises(openai.APIError, match="stopping"):
                list(stream)
            assert status.result() == 0
    assert mock.calls()[-1]["event"] == "dropped"
