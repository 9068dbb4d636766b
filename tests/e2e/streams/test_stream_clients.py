"""Clients that may not watch, and clients that misbehave: clear refusals, and nothing of them stays."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx2
import pytest

from tests.support.service import MockModelProcess, ServiceProcess
from tests.support.streaming import (
    Footprint,
    Watched,
    check_let_go,
    check_order,
    open_stream,
    orchestrator,
    raw_stream,
    read,
    refusal,
    script,
    start,
)

RESET = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing resets the connection."""


# --- who may watch ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/swarms/swm_01JQZX5V0G0000000000000000/stream",
        "/swarms/nothing/stream",
        "/agents/nobody/stream",
        "/agents/agt_01JQZX5V0G0000000000000000_00000/stream",
        "/agents/x/streams",
        "/swarms",
        "/swarms/x/stream/",
        "/",
        "/%00/stream",
        "/agents/%ff%fe/stream",
        "/agents/" + "x" * 5000 + "/stream",
    ],
)
def test_what_does_not_exist_is_a_404(service: ServiceProcess, path: str) -> None:
    """A refused handshake answers HTTP 401 or 404."""
    assert refusal(service.url, path)[0] == 404


def test_a_sub_agent_that_the_run_does_not_have_is_a_404(service: ServiceProcess, diamond: Watched) -> None:
    swarm_id = diamond.frames[0]["swarm_id"]
    assert refusal(service.url, f"/agents/agt_{swarm_id.removeprefix('swm_')}_00004/stream")[0] == 404


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=", "after=1.5", "after=" + "9" * 16, "after=%D9%A1"])
def test_a_wrong_after_is_named(service: ServiceProcess, diamond: Watched, query: str) -> None:
    status, problem = refusal(service.url, f"/swarms/{diamond.frames[0]['swarm_id']}/stream?{query}")
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/after"]


@pytest.mark.parametrize("after", ["5", "-", "1-", "-1", "1-2-3", "a-b", "1-" + "9" * 30, "9" * 19 + "-1", "1-٣"])
def test_a_wrong_cursor_is_named(client: httpx2.Client, service: ServiceProcess, after: str) -> None:
    agent_id = orchestrator(client, "wrong cursors")
    status, problem = refusal(service.url, f"/agents/{agent_id}/stream?after={after.encode().decode('latin-1')}")
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/after"]


@pytest.mark.parametrize("batch_ms", ["-1", "x", "", "1.5", "10001", "99999999999999999999"])
def test_a_wrong_batch_ms_is_named(service: ServiceProcess, diamond: Watched, batch_ms: str) -> None:
    status, problem = refusal(service.url, f"/swarms/{diamond.frames[0]['swarm_id']}/stream?batch_ms={batch_ms}")
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/batch_ms"]


def test_a_denied_handshake_says_nothing_in_the_log(service: ServiceProcess) -> None:
    before = service.output
    for _ in range(5):
        refusal(service.url, "/agents/nobody/stream")
    assert service.output == before


# --- clients that misbehave ------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(client: httpx2.Client, model: MockModelProcess) -> Iterator[str]:
    """A run that goes on for as long as the test needs it."""
    script(model, {"match": "still-word", "hang": True, "times": 1})
    swarm_id = start(client, [{"id": "a", "prompt": "still-word"}])
    yield swarm_id
    client.post(f"/v1/swarms/{swarm_id}/cancel")


def test_what_a_client_says_is_ignored(service: ServiceProcess, client: httpx2.Client, quiet: str) -> None:
    """Text, bytes, fragments, what is not UTF-8: the stream goes on."""
    with open_stream(service.url, f"/swarms/{quiet}/stream") as socket:
        for message in ("garbage", '{"type":"subscribe"}', b"\x00\xff", "x" * 60_000, ["a", "b", "c"], ""):
            socket.send(message)
        socket.send(b"\xff\xfe", text=True)
        assert socket.ping().wait(10)
        client.post(f"/v1/swarms/{quiet}/cancel")
        watched = read(socket)
    check_order(watched.frames)
    assert (watched.logged[-1]["type"], watched.code) == ("swarm_completed", 1000)


def test_a_huge_frame_ends_its_own_stream(service: ServiceProcess, quiet: str) -> None:
    """Request size … WebSocket frame and connection caps: a message may have 64 KiB."""
    with open_stream(service.url, f"/swarms/{quiet}/stream") as connection:
        connection.send(b"x" * 65_537)
        assert read(connection).code == 1009
    # Much more is not even taken in, so that the client may see a reset instead of the close frame.
    with raw_stream(service.url, f"/swarms/{quiet}/stream") as vast:
        assert vast.recv(12) == b"HTTP/1.1 101"
        with suppress(OSError):
            vast.sendall(bytes([0x82, 0xFF]) + (2**30).to_bytes(8, "big") + bytes(20_000_000))
        with suppress(OSError):
            while vast.recv(65_536):
                pass


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 50, b"GET / HTTP/1.1\r\n\r\n", bytes(1000), b"\x81\x05hello", b"\x83\x80abcd"]
)
def test_bytes_that_are_no_frames_end_the_stream(service: ServiceProcess, quiet: str, garbage: bytes) -> None:
    with raw_stream(service.url, f"/swarms/{quiet}/stream") as connection:
        assert connection.recv(12) == b"HTTP/1.1 101"
        connection.sendall(garbage)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert b"\x03\xea" in answer[-40:]  # 1002, a protocol error


@pytest.mark.parametrize(
    "extra",
    [
        "Sec-WebSocket-Version: 99\r\n",
        "X: " + "y" * 70_000 + "\r\n",
        "X: \xe9\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; x=" + "y" * 5000 + "\r\n",
        "Sec-WebSocket-Protocol: " + "a," * 5000 + "b\r\n",
        "Sec-WebSocket-Key: x\r\n",
    ],
)
def test_a_strange_handshake_does_no_harm(service: ServiceProcess, quiet: str, extra: str) -> None:
    with raw_stream(service.url, f"/swarms/{quiet}/stream", extra) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 ")


def test_a_client_that_vanishes_is_let_go(service: ServiceProcess, quiet: str) -> None:
    """No descriptor stays, whatever way it went: closed or reset, in its handshake or later."""
    before = Footprint.of(service.pid)
    for kind in range(40):
        connection = raw_stream(service.url, f"/swarms/{quiet}/stream")
        if kind % 3:
            connection.recv(1000)
        if kind % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()
    check_let_go(service.pid, before)


def test_a_client_that_only_pings_costs_no_memory(service: ServiceProcess, quiet: str) -> None:
    """It reads nothing, so that pongs would pile up; and it is not listened to for long."""
    ping = bytes([0x89, 0x80 | 125, 0, 0, 0, 0]) + bytes(125)
    before = Footprint.of(service.pid)
    with raw_stream(service.url, f"/swarms/{quiet}/stream", receive_buffer=4096) as connection:
        with suppress(OSError):
            for _ in range(1000):
                connection.sendall(ping * 800)
            pytest.fail("100 MB of pings were listened to")
        assert Footprint.of(service.pid).rss_mib < before.rss_mib + 30
    check_let_go(service.pid, before)


def test_a_client_that_talks_without_a_pause_is_not_listened_to(
    service: ServiceProcess, client: httpx2.Client, quiet: str
) -> None:
    """Tiny messages as fast as they go, on connection after connection: others are answered meanwhile."""
    tiny = bytes([0x81, 0x80, 0, 0, 0, 0]) * 100_000
    stop = threading.Event()
    before = Footprint.of(service.pid)

    def talk() -> None:
        while not stop.is_set():
            with raw_stream(service.url, f"/swarms/{quiet}/stream") as connection, suppress(OSError):
                connection.recv(100)
                connection.sendall(tiny)
                while connection.recv(65_536):
                    pass

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        took = []
        for _ in range(20):
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            took.append(time.monotonic() - began)
        assert Footprint.of(service.pid).rss_mib < before.rss_mib + 30
    finally:
        stop.set()
        talker.join()
    assert sorted(took)[10] < 5.0, took
    check_let_go(service.pid, before)
