"""A client that asks and posts all the time while something is away, and notes what it was told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2

from tests.support.service import ServiceProcess

MOST_S = 5.0
"""What an answer may take at most."""


@dataclass
class Seen:
    """What the client was told; ``refused_at`` is the last time, by ``time.monotonic()``."""

    slowest_s: float = 0.0
    answers: int = 0
    refused: int = 0
    refused_at: float = 0.0
    red: int = 0
    accepted: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@contextmanager
def asking(service: ServiceProcess, swarm_id: str) -> Iterator[Seen]:
    """A client that reads, posts and looks at the readiness, one after the other, until the block ends."""
    seen, over = Seen(), threading.Event()

    def ask(client: httpx2.Client, method: str, path: str, body: object = None) -> httpx2.Response:
        began = time.monotonic()
        answer = client.request(method, path, json=body)
        seen.slowest_s = max(seen.slowest_s, time.monotonic() - began)
        seen.answers += 1
        if answer.status_code == 503:
            seen.refused += 1
            seen.refused_at = time.monotonic()
            if "retry-after" not in answer.headers:
                seen.wrong.append(f"{method} {path}: 503 without Retry-After")
        elif not answer.is_success:
            seen.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def go() -> None:
        with service.client() as client:
            while not over.wait(0.05):
                ask(client, "GET", f"/v1/swarms/{swarm_id}")
                posted = ask(client, "POST", "/v1/swarms", {"tasks": [{"id": "only", "prompt": "Say it."}]})
                if posted.status_code == 201:
                    seen.accepted.append(posted.json()["swarm_id"])
                seen.red += ask(client, "GET", "/readyz").status_code == 503

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
