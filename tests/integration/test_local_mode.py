"""Local mode, the state without keys: this machine's own programs are let in, pages of foreign origins are not."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.service import ServiceProcess

FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "192.168.1.10",
    "0.0.0.0",
    "[::2]",
    "[",
    "localhost.",
    "notlocalhost",
]
LOOPBACK_HOSTS = ["localhost", "LOCALHOST:1234", "127.0.0.1", "127.9.9.9:80", "[::1]:8000", "swarm.localhost"]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/v1/swarms", "/healthz", "/nowhere"])
def test_a_foreign_host_is_refused_everywhere(client: httpx2.Client, host: str, path: str) -> None:
    response = client.get(path, headers={"Host": host})

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "forbidden"


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_a_loopback_host_is_let_in(client: httpx2.Client, host: str) -> None:
    assert client.get("/v1/swarms", headers={"Host": host}).status_code == 200


def test_a_missing_host_is_refused(service: ServiceProcess) -> None:
    async def ask() -> bytes:
        parts = urlsplit(service.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET /v1/swarms HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return answer

    assert asyncio.run(ask()).split()[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "file://",
        "http://localhost:1",
        "https://127.0.0.1",
        "http://127.0.0.1:80000",
        "chrome-extension://abc",
        "[",
    ],
)
def test_a_foreign_origin_is_refused(client: httpx2.Client, origin: str) -> None:
    response = client.post("/v1/swarms", json={"tasks": [{}]}, headers={"Origin": origin})

    assert response.status_code == 403
    assert client.get("/v1/swarms").json()["items"] == []


def test_our_own_origin_is_let_in(client: httpx2.Client, service: ServiceProcess) -> None:
    assert client.get("/v1/swarms", headers={"Origin": service.url}).status_code == 200


def test_the_host_and_the_origin_of_a_rebound_name_are_refused(client: httpx2.Client) -> None:
    """DNS rebinding: the page's own name leads here, so Host and Origin agree."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}

    assert client.get("/v1/swarms", headers=headers).status_code == 403


def test_any_bearer_is_let_in_while_no_key_exists(client: httpx2.Client) -> None:
    for bearer in ("Bearer x", "Bearer", "Basic eDp5", "Bearer " + "x" * 10_000):
        assert client.get("/v1/swarms", headers={"Authorization": bearer}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("path", ["/v1/swarms/x/stream", "/v1/agents/x/stream", "/nowhere"])
def test_a_foreign_socket_is_refused(service: ServiceProcess, path: str, headers: dict[str, str]) -> None:
    url = service.url.replace("http://", "ws://") + path
    host = headers.get("Host")
    origin = headers.get("Origin")

    async def open_socket() -> int:
        try:
            if host is not None:
                parts = urlsplit(service.url)
                uri = url.replace(parts.netloc, host)
                async with connect(uri, host=parts.hostname, port=parts.port, proxy=None):
                    return 101
            async with connect(url, additional_headers={"Origin": str(origin)}, proxy=None):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(open_socket()) == 403
