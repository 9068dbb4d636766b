"""Completing the id of a run never waits long, and never says a word."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.cli.completing import complete_swarm

ITEMS = [
    {"swarm_id": "swm_01B", "status": "running", "name": "night  run"},
    {"swarm_id": "swm_01A", "status": "failed", "name": None},
]


@contextmanager
def service(answer: bytes, asked: list[tuple[str, str | None]]) -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_newest_runs_that_begin_so_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []
    with service(json.dumps({"items": ITEMS}).encode(), asked) as url:
        monkeypatch.setenv("SWARMD_URL", f"{url}/v1/")
        monkeypatch.setenv("SWARMD_API_KEY", "sk-1")

        assert complete_swarm("swm_01") == [("swm_01B", "running night run"), ("swm_01A", "failed")]
        assert complete_swarm("swm_01A") == [("swm_01A", "failed")]
    assert asked == [("/v1/swarms?limit=30", "Bearer sk-1")] * 2


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"status": 401}', b'{"items": [{}]}', b'{"items": 3}'])
def test_any_other_answer_is_no_completion(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(answer, []) as url:
        monkeypatch.setenv("SWARMD_URL", url)

        assert complete_swarm("") == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[::1", "http://127.0.0.1:99999"])
def test_no_service_is_no_completion(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_URL", url)

    assert complete_swarm("") == []


def test_a_service_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("SWARMD_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()

        assert complete_swarm("") == []

    assert time.monotonic() - began < 20
