"""Watchers: many stream clients in one process, and the handle to it. Run by itself, this module is the process.

A client is a bare protocol that reads frames and of each event only its ``ts``, so that the process, at 100,000 events
a second, is busy for a part of its time only: rows tell how large a part. All times are of this machine's wall clock.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson

from scripts.benchmarks.answering import answer_commands, new_loop, percentile
from scripts.benchmarks.processes import Child, Children

_START_S = 20.0
_OPEN_S = 60.0
_AHEAD_S = 0.5
_LATE_S = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clients saw of the events of a window of time.

    Attributes:
        least: events at the client that got the fewest; ``most``, the most.
        p50_ms: from an event's ``ts`` to the arrival of the bytes that complete its frame, over events and clients.
    """

    least: int
    most: int
    p50_ms: float
    p99_ms: float
    highest_ms: float


class Watchers:
    def __init__(self, child: Child) -> None:
        self.child = child

    async def open(self, base_url: str, path: str, clients: int, *, timed: bool) -> None:
        """Connect ``clients`` clients; unless ``timed``, they only count events."""
        port = int(base_url.rpartition(":")[2])
        await self._ask({"do": "open", "port": port, "path": path, "clients": clients, "timed": timed}, _OPEN_S)

    async def window(self, length_s: float) -> Seen:
        """Time the events whose ``ts`` is in the next ``length_s`` seconds (from a moment from now)."""
        return Seen(**await self._ask({"do": "window", "s": length_s}, length_s + _OPEN_S))

    async def closed(self, timeout_s: float) -> list[int]:
        """Wait until the service has closed all, with 1000; return how many events each got."""
        found = await self._ask({"do": "closed", "s": timeout_s}, timeout_s + _OPEN_S)
        events: list[int] = found["events"]
        return events

    async def drop(self) -> None:
        """Disconnect all."""
        await self._ask({"do": "drop"}, _OPEN_S)

    async def _ask(self, command: dict[str, Any], timeout_s: float) -> Any:
        found = orjson.loads(await self.child.ask(orjson.dumps(command), timeout_s))
        if "error" in found:
            raise self.child.failure(found["error"])
        return found


@asynccontextmanager
async def watchers(children: Children) -> AsyncIterator[Watchers]:
    async with children.started("watchers", [sys.executable, "-m", "scripts.benchmarks.watchers"]) as child:
        await child.ask(b"", _START_S)
        yield Watchers(child)


# --- the process itself ----------------------------------------------------------------------------------------------

_TIMED = re.compile(rb'"type":"(?!metrics_snapshot)[a-z_]+","seq":\d+,"ts":"([^"]+)"')
_SEQ = b'","seq":'
_SNAPSHOT = b'"metrics_snapshot"'
_Action = Callable[..., Awaitable[dict[str, Any]]]
_PONG = b"\x8a\x80\x00\x00\x00\x00"
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class _Window:
    """Latencies of the events of a window; ``since_ms`` to ``until_ms``, Unix time."""

    def __init__(self) -> None:
        self.since_ms = self.until_ms = 0
        self._times: dict[bytes, int] = {}
        self.latencies = array("d")

    def set(self, since_ms: int, until_ms: int) -> None:
        self.since_ms, self.until_ms = since_ms, until_ms
        self._times.clear()
        self.latencies = array("d")

    def add(self, stamps: list[bytes], now_ms: float) -> int:
        """Return how many of the events are of the window."""
        count = 0
        for stamp in stamps:
            at_ms = self._times.get(stamp)
            if at_ms is None:
                at_ms = self._times[stamp] = round(datetime.fromisoformat(stamp.decode()).timestamp() * 1000)
            if self.since_ms <= at_ms < self.until_ms:
                self.latencies.append(now_ms - at_ms)
                count += 1
        return count


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, window: _Window | None) -> None:
        loop = asyncio.get_running_loop()
        self._request = request
        self._window = window
        self._rest = b""
        self._open = False
        self.events = 0
        self.code = 0
        self.opened: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the service closed a connection during its handshake"))
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        now_ms = time.time() * 1000
        if self._rest:
            data = self._rest + data
        start = 0
        if not self._open:
            start = self._handshake(data)
        while self._open and len(data) - start >= 2:
            length, body = data[start + 1], start + 2
            if length >= 126:
                size = 2 if length == 126 else 8
                body += size
                length = int.from_bytes(data[start + 2 : body], "big") if len(data) >= body else len(data)
            end = body + length
            if len(data) < end:
                break
            self._frame(data[start] & 0x0F, data[body:end], now_ms)
            start = end
        self._rest = data[start:]

    def _handshake(self, data: bytes) -> int:
        """Return where the frames begin."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101 "):
            self.opened.set_exception(ConnectionError(f"the service answered {data[:300]!r} to a handshake"))
            return 0
        self._open = True
        self.opened.set_result(None)
        return end + 4

    def _frame(self, opcode: int, payload: bytes, now_ms: float) -> None:
        if opcode == 1:
            if self._window is None:
                self.events += payload.count(_SEQ) - payload.count(_SNAPSHOT)
            else:
                self.events += self._window.add(_TIMED.findall(payload), now_ms)
        elif opcode == 9:
            self.transport.write(_PONG)
        elif opcode == 8:
            self.code = int.from_bytes(payload[:2], "big")
            self.transport.close()


class _Process:
    def __init__(self) -> None:
        self._window, self._clients = _Window(), list[_Client]()

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        actions: dict[str, _Action] = {"open": self._open, "window": self._take}
        actions |= {"closed": self._closed, "drop": self._drop}
        try:
            return await actions[command.pop("do")](**command)
        except (OSError, TimeoutError) as exc:
            return {"error": f"{type(exc).__name__}: {exc}"}

    async def _open(self, port: int, path: str, clients: int, timed: bool) -> dict[str, Any]:
        request = _UPGRADE.format(path=path, port=port).encode()
        loop = asyncio.get_running_loop()
        self._clients = [_Client(request, self._window if timed else None) for _ in range(clients)]
        for client in self._clients:
            await loop.create_connection(lambda c=client: c, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.gather(*(client.opened for client in self._clients))
        return {}

    async def _take(self, s: float) -> dict[str, Any]:
        for client in self._clients:
            client.events = 0
        since = time.time() + _AHEAD_S
        self._window.set(round(since * 1000), round((since + s) * 1000))
        await asyncio.sleep(_AHEAD_S + s + _LATE_S)
        ordered = sorted(self._window.latencies)
        counts = [client.events for client in self._clients]
        lost = sum(client.gone.done() for client in self._clients)
        if lost or not ordered:
            return {"error": f"{lost} of {len(counts)} clients were closed; {len(ordered)} events seen"}
        return {
            "least": min(counts),
            "most": max(counts),
            "p50_ms": percentile(ordered, 50),
            "p99_ms": percentile(ordered, 99),
            "highest_ms": ordered[-1],
        }

    async def _closed(self, s: float) -> dict[str, Any]:
        async with asyncio.timeout(s):
            await asyncio.gather(*(client.gone for client in self._clients))
        codes = {client.code for client in self._clients}
        if codes != {1000}:
            return {"error": f"the service closed clients with {sorted(codes)}, expected 1000"}
        return {"events": [client.events for client in self._clients]}

    async def _drop(self) -> dict[str, Any]:
        for client in self._clients:
            client.transport.abort()
        await asyncio.gather(*(client.gone for client in self._clients))
        self._clients = []
        return {}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(answer_commands(_Process().answer, {}))
