"""A service that streams one run's events, as the commands of the terminal see it, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2
import orjson

from app.cli.client import ServiceClient

Frame = dict[str, Any]
Answer = httpx2.Response | Exception


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def sse(*frames: Frame) -> bytes:
    """The frames as the service writes them."""
    return b": keep-alive\n\n" + b"".join(
        (b"" if frame["type"] == "metrics_snapshot" else b"id: %d\n" % frame["seq"])
        + b"event: %s\ndata: %s\n\n" % (frame["type"].encode(), orjson.dumps(frame))
        for frame in frames
    )


def cut_off(*frames: Frame, by: Exception | None = None) -> httpx2.Response:
    """A stream that breaks behind the frames, in the middle of a line."""

    def chunks() -> Iterator[bytes]:
        yield sse(*frames) + b'data: {"type":"agent_sp'
        raise by or httpx2.ReadError("connection reset")

    return httpx2.Response(200, content=chunks())


def whole(*frames: Frame) -> httpx2.Response:
    return httpx2.Response(200, content=sse(*frames))


class RunService:
    """Answers each request for the stream with the next of ``streams``, and for the swarm with the next status.

    The last status stays. ``asked_after`` are the places that streams were asked for from.
    """

    def __init__(
        self, streams: Sequence[Answer], statuses: Sequence[str] = ("running", "completed"), **swarm: Any
    ) -> None:
        self.streams = list(streams)
        self.statuses = list(statuses)
        self.swarm = {"swarm_id": "swm_1", "name": "n", "counts": {"total": 2}, "tokens": {}} | swarm
        self.asked_after: list[int] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return httpx2.Response(201, content=orjson.dumps({"swarm_id": "swm_1"}))
        if request.url.path.endswith("/results"):
            return httpx2.Response(200, content=orjson.dumps({"outputs": []}))
        if request.url.path.endswith("/events"):
            assert request.headers["Accept"] == "text/event-stream"
            self.asked_after.append(int(request.url.params["after"]))
            answer = self.streams.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return httpx2.Response(200, content=orjson.dumps({**self.swarm, "status": status}))

    def client(self, time: Time | None = None) -> ServiceClient:
        return client_of(self, time)


def client_of(handler: Callable[[httpx2.Request], httpx2.Response], time: Time | None = None) -> ServiceClient:
    time = time or Time()
    transport = httpx2.MockTransport(handler)
    return ServiceClient("http://x", transport=transport, sleep=time.sleep, clock=lambda: time.now)
