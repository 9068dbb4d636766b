"""The socket protocol against clients that no client library is: over a real connection, with short times."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.cli import hosting, stream_socket
from app.settings import load_settings

pytestmark = pytest.mark.anyio

HANDSHAKE = (
    "GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
PING, CLOSE = 0x89, 0x88
App = Callable[[Any, Any, Any], Awaitable[None]]


async def until_the_client_goes(_: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def talk_and_close(_: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "x" * 3_000_000})


@asynccontextmanager
async def served(app: App, **options: Any) -> AsyncIterator[tuple[socket.socket, ServerState]]:
    """A server of this protocol and one connection to it; every connection must be gone when the block ends."""
    config = uvicorn.Config(app, interface="asgi3", log_config=None, **(stream_socket.OPTIONS | options))
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpToolsProtocol(config, state, {}), "127.0.0.1", 0)
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await loop.sock_connect(connection, server.sockets[0].getsockname())
        yield connection, state
    finally:
        connection.close()
        server.close()
        async with asyncio.timeout(30):
            while state.connections:
                await asyncio.sleep(0.001)


async def answer(connection: socket.socket, extra: str = "") -> bytes:
    """The head of the response to the handshake."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, f"{HANDSHAKE}{extra}\r\n".encode())
    head = b""
    async with asyncio.timeout(30):
        while b"\r\n\r\n" not in head:
            chunk = await loop.sock_recv(connection, 1)
            assert chunk, head
            head += chunk
    return head


async def everything(connection: socket.socket) -> bytes:
    received = b""
    async with asyncio.timeout(30):
        while chunk := await asyncio.get_running_loop().sock_recv(connection, 65_536):
            received += chunk
    return received


async def test_pings_are_sent_and_no_answer_is_demanded() -> None:
    """The server sends pings and demands none."""
    async with served(until_the_client_goes, ws_ping_interval=0.01) as (connection, _):
        assert b"101" in await answer(connection)
        received = b""
        async with asyncio.timeout(30):
            while len(received) < 6 * 30:
                received += await asyncio.get_running_loop().sock_recv(connection, 65_536)
        assert {received[place : place + 2] for place in range(0, 6 * 30, 6)} == {bytes([PING, 4])}


def test_the_service_is_served_so(tmp_path: Path) -> None:
    host = hosting.Host(load_settings(data_dir=tmp_path), hosting.listen("127.0.0.1", 0), lambda: None)
    config = host._server.config
    host._sock.close()
    assert config.ws is stream_socket.StreamSocket
    assert (config.ws_ping_interval, config.ws_ping_timeout) == (20.0, None)
    assert config.ws_max_size == 65_536
    assert config.ws_per_message_deflate is False


@pytest.mark.parametrize("extra", ["X: " + "y" * 20_000 + "\r\n", "".join(f"X-{n}: y\r\n" for n in range(300))])
async def test_a_handshake_that_cannot_be_parsed_is_answered(extra: str) -> None:
    """It would be kept for ever without a word: before any key was asked for."""
    async with served(until_the_client_goes) as (connection, _):
        assert (await answer(connection, extra)).startswith(b"HTTP/1.1 400 ")
        assert await everything(connection) == b""


async def test_a_client_that_talks_too_much_is_closed_with_1008() -> None:
    async with served(until_the_client_goes) as (connection, _):
        assert b"101" in await answer(connection)
        message = bytes([0x82, 0xFE]) + (20_000).to_bytes(2, "big") + bytes(4 + 20_000)
        for _ in range(7):
            await asyncio.get_running_loop().sock_sendall(connection, message)
        closing = await everything(connection)
        assert (closing[0], int.from_bytes(closing[2:4], "big")) == (CLOSE, 1008)


async def test_what_is_left_for_a_client_that_does_not_read_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport that is closed waits for its client; with 3 MB on their way that would be for ever."""
    monkeypatch.setattr(stream_socket, "_FLUSH_S", 0.05)
    async with served(talk_and_close) as (connection, state):
        assert b"101" in await answer(connection)
        async with asyncio.timeout(30):
            while state.connections:
                await asyncio.sleep(0.001)


async def test_a_client_that_reads_in_time_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(talk_and_close) as (connection, _):
        assert b"101" in await answer(connection)
        assert (await everything(connection)).count(b"x") == 3_000_000


async def test_no_pong_is_kept_for_a_client_that_does_not_read() -> None:
    """And one that reads gets its pong."""
    async with served(until_the_client_goes) as (connection, state):
        assert b"101" in await answer(connection)
        await asyncio.get_running_loop().sock_sendall(connection, bytes([PING, 0x82, 0, 0, 0, 0]) + b"hi")
        assert await asyncio.get_running_loop().sock_recv(connection, 100) == b"\x8a\x02hi"
        [protocol] = state.connections
        assert isinstance(protocol, stream_socket.StreamSocket)
        protocol.pause_writing()
        protocol.data_received(bytes([PING, 0x82, 0, 0, 0, 0]) + b"no")
        protocol.resume_writing()
        protocol.data_received(bytes([PING, 0x82, 0, 0, 0, 0]) + b"ho")
        assert await asyncio.get_running_loop().sock_recv(connection, 100) == b"\x8a\x02ho"
