"""Clients of the sockets, and what every stream must keep to, whatever was done to it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.service import DEADLINE_S, MockModelProcess, ServiceProcess, poll

Frame = dict[str, Any]
NOT_LOGGED = "metrics_snapshot"


def open_stream(
    url: str, path: str, *, headers: dict[str, str] | None = None, receive_buffer: int | None = None
) -> ClientConnection:
    """A socket on ``path`` (below ``/v1``, with its query) of the service at ``url``.

    Args:
        receive_buffer: bytes the kernel may take for a client that does not ask for messages; the client itself stops
            reading when it holds a few.
    """
    address = url.replace("http", "ws", 1) + "/v1" + path
    return connect(
        address,
        sock=None if receive_buffer is None else dial(url, receive_buffer),
        additional_headers=headers,
        proxy=None,
        open_timeout=DEADLINE_S,
        max_size=None,
        max_queue=None if receive_buffer is None else 16,  # one that has stopped reading would not see a close either
        compression=None,
    )


def dial(url: str, receive_buffer: int | None = None) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.socket()
    connection.settimeout(DEADLINE_S)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((parts.hostname, parts.port))
    return connection


@dataclass(slots=True)
class Watched:
    """What one connection gave: its messages as parsed, and how the server closed it (None: the client went)."""

    messages: list[Frame] = field(default_factory=list)
    code: int | None = None
    reason: str = ""

    @property
    def frames(self) -> list[Frame]:
        """Events and snapshots in order, batches unpacked."""
        return [frame for message in self.messages for frame in message.get("events", [message])]

    @property
    def logged(self) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] != NOT_LOGGED]

    @property
    def snapshots(self) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] == NOT_LOGGED]

    def of_type(self, *types: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["type"] in types]


def watch(
    url: str,
    path: str,
    *,
    until: Callable[[Frame], bool] | None = None,
    headers: dict[str, str] | None = None,
) -> Watched:
    """Open a stream and read it, see ``read``."""
    with open_stream(url, path, headers=headers) as socket:
        return read(socket, until)


def read(socket: ClientConnection, until: Callable[[Frame], bool] | None = None) -> Watched:
    """Read until the server closes, or until a message fulfils ``until``; half a minute without one fails."""
    watched = Watched()
    while True:
        try:
            watched.messages.append(json.loads(socket.recv(DEADLINE_S)))
        except ConnectionClosed as exc:
            closed = exc.rcvd
            break
        if until is not None and until(watched.messages[-1]):
            return watched
    assert closed is not None, f"closed without a close frame after {watched.messages[-1:]}"
    watched.code, watched.reason = closed.code, closed.reason
    return watched


def check_order(frames: Iterable[Frame], *, after: dict[str, int] | None = None) -> dict[str, int]:
    """Check that every run's logged events come in ``seq`` order, each once and without a gap.

    Snapshots repeat the last event sent before, or tell of an earlier one; nothing of a run follows its end.

    Args:
        after: where each run stood before.

    Returns:
        The last ``seq`` of each run.
    """
    last = dict(after or {})
    ended = set()
    for frame in frames:
        swarm_id, seq = frame["swarm_id"], frame["seq"]
        assert swarm_id not in ended, f"after swarm_completed: {frame}"
        if frame["type"] == NOT_LOGGED:
            assert seq <= last.get(swarm_id, 0), f"{frame} is ahead of event {last.get(swarm_id, 0)}"
            continue
        assert seq == last.get(swarm_id, 0) + 1, f"expected {last.get(swarm_id, 0) + 1}, got {frame}"
        last[swarm_id] = seq
        if frame["type"] == "swarm_completed":
            ended.add(swarm_id)
    return last


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: connections among its descriptors (the store's come and go), and its memory."""

    sockets: int
    descriptors: int
    rss_mib: float

    @classmethod
    def of(cls, pid: int) -> Footprint:
        links = []
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                links.append(os.readlink(entry))
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        sockets = sum(link.startswith("socket:") for link in links)
        return cls(sockets, len(links), pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def check_let_go(pid: int, before: Footprint) -> None:
    """The connections that were opened since have gone, but for a few that are kept for later calls."""
    poll(lambda: Footprint.of(pid).sockets <= before.sockets + 5, what="letting go of the connections")


# --- what the tests of streams ask of a service ----------------------------------------------------------------------

DIAMOND: list[Frame] = [
    {"id": "a", "prompt": "alpha"},
    {"id": "b", "prompt": "beta", "depends_on": ["a"]},
    {"id": "c", "prompt": "gamma", "depends_on": ["a"]},
    {"id": "d", "prompt": "delta", "depends_on": ["b", "c"]},
]
ABOUT_TASKS = frozenset({"task_waiting", "task_queued", "task_skipped", "task_cancelled"})
ABOUT_AGENTS = frozenset({"agent_spawned", "agent_retrying", "agent_completed", "agent_failed"})


def script(model: MockModelProcess, *entries: Frame) -> None:
    """What the model says to the requests that match."""
    response = httpx2.post(f"{model.root_url}/mock/script", json=list(entries))
    assert response.status_code < 300, response.text


def start(client: httpx2.Client, tasks: list[Frame], **fields: Any) -> str:
    response = client.post("/v1/swarms", json={"tasks": tasks} | fields)
    assert response.status_code == 201, response.text
    return str(response.json()["swarm_id"])


def run(client: httpx2.Client, url: str, tasks: list[Frame], **fields: Any) -> Watched:
    """Start a run, watch it to its end and check what holds for every one."""
    watched = watch(url, f"/swarms/{start(client, tasks, **fields)}/stream")
    check_order(watched.frames)
    return watched


def orchestrator(client: httpx2.Client, name: str, **config: Any) -> str:
    body = {"name": name, "model": "mock", "swarm_config": config}
    return str(client.post("/v1/agents/create", json=body).json()["agent_id"])


def spawn(client: httpx2.Client, agent_id: str, text: str = "work") -> Frame:
    response = client.post(f"/v1/agents/{agent_id}/spawn", json={"task_type": "work", "input_data": {"text": text}})
    assert response.status_code == 202, response.text
    return dict(response.json())


def seen(kind: str, count: int) -> Callable[[Frame], bool]:
    """For ``until``: so many frames of a type have come."""
    left = count

    def enough(frame: Frame) -> bool:
        nonlocal left
        left -= int(frame["type"] == kind)
        return left <= 0

    return enough


def refusal(url: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, Frame]:
    """Status and problem of a handshake that must not succeed."""
    with pytest.raises(InvalidStatus) as raised, open_stream(url, path, headers=headers):
        pass
    response = raised.value.response
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.body or b"")
    assert problem["status"] == response.status_code
    return response.status_code, problem


def sse(client: httpx2.Client, swarm_id: str, query: str = "", **headers: str) -> list[dict[str, str]]:
    """The server-sent events of one response, to its end."""
    path = f"/v1/swarms/{swarm_id}/events{query}"
    with client.stream("GET", path, headers={"Accept": "text/event-stream"} | headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        text = "".join(response.iter_text())
    blocks = [[line for line in block.split("\n") if not line.startswith(":")] for block in text.split("\n\n")[:-1]]
    return [dict(line.split(": ", 1) for line in lines) for lines in blocks if lines]


def raw_stream(url: str, path: str, extra: str = "", *, receive_buffer: int | None = None) -> socket.socket:
    """A connection that has sent its handshake, for a test to misuse."""
    connection = dial(url, receive_buffer)
    head = f"GET /v1{path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n"
    connection.sendall(head.encode("latin-1"))
    return connection


def check_log(service: ServiceProcess) -> None:
    """No fault was logged, and no refusal as one."""
    wrong = [line for line in service.output.splitlines() if '"level": "error"' in line or "Traceback" in line]
    assert not wrong, wrong[0][:2000]
