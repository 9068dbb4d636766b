"""Messages to webhooks outlive the service: killed or stopped, it sends after its start what it owes."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
from standardwebhooks import Webhook

from tests.support.service import ServiceProcess, poll

RUNS = 20


class Receiver:
    """Keeps what it is sent; answers only while ``open`` is set, and else not at all."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.open = threading.Event()
        self.url = ""

    def ids_by_run(self, secret: str) -> dict[str, set[str]]:
        """The ids that each run's messages had; each signature is checked."""
        found: dict[str, set[str]] = defaultdict(set)
        for headers, body in list(self.got):
            message: dict[str, Any] = Webhook(secret).verify(body, headers)
            assert message["type"] == "swarm_completed"
            found[message["data"]["swarm_id"]].add(headers["webhook-id"])
        return found


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if made.open.wait(30):
                self.send_response(204)
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing is said."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that was killed is no error here."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.open.set()
        server.shutdown()
        server.server_close()


def start_runs(client: httpx2.Client, url: str) -> set[str]:
    bodies = [{"tasks": [{"id": "a", "prompt": "Say a."}], "webhook": url} for _ in range(RUNS)]
    answers = [client.post("/v1/swarms", json=body) for body in bodies]
    assert {answer.status_code for answer in answers} == {201}
    return {answer.json()["swarm_id"] for answer in answers}


def all_delivered(service: ServiceProcess) -> list[dict[str, Any]] | None:
    with service.client() as client:
        items: list[dict[str, Any]] = client.get("/v1/webhooks/deliveries").json()["items"]
    return items if len(items) == RUNS and all(item["status"] == "delivered" for item in items) else None


def buried(service: ServiceProcess) -> tuple[set[str], set[str]]:
    """Read, while the service is dead, which runs have ended and of which there is a message."""
    with closing(sqlite3.connect(service.data_dir / "swarmd.db")) as connection:
        ended = connection.execute("SELECT id FROM swarms WHERE ended_at_ms IS NOT NULL").fetchall()
        told = connection.execute("SELECT swarm_id FROM webhook_deliveries").fetchall()
    return {row[0] for row in ended}, {row[0] for row in told}


def test_after_a_kill_every_run_is_told_of_with_one_id(tmp_path: Path) -> None:
    """Killed while the first messages wait for their answers and the rest wait for those; some runs may not be over."""
    with receiver() as hook, ServiceProcess(tmp_path, "--webhook-private") as service:
        with service.client() as client:
            secret = client.get("/v1/webhooks/secret").json()["secret"]
            runs = start_runs(client, hook.url)
        poll(lambda: len(hook.got) >= 1, what="a message")
        service.kill()
        ended, told = buried(service)
        before = {headers["webhook-id"] for headers, _ in hook.got}
        hook.open.set()
        service.start()
        items = poll(lambda: all_delivered(service), what="the deliveries")
        found = hook.ids_by_run(secret)

    assert told == ended, "a message is stored with the end that it tells of"
    assert set(found) == runs
    assert all(len(ids) == 1 for ids in found.values()), "sent again under the same id"
    assert before <= {item["delivery_id"] for item in items}
    assert {item["delivery_id"] for item in items} == {one for ids in found.values() for one in ids}
    assert secret not in service.output


def test_a_stop_waits_for_no_receiver_and_loses_no_message(tmp_path: Path) -> None:
    with receiver() as hook, ServiceProcess(tmp_path, "--webhook-private") as service:
        with service.client() as client:
            secret = client.get("/v1/webhooks/secret").json()["secret"]
            runs = start_runs(client, hook.url)
        poll(lambda: len(hook.got) >= 1, what="a message")
        assert service.terminate(deadline_s=15) == 0
        hook.open.set()
        service.start()
        poll(lambda: all_delivered(service), what="the deliveries")
        found = hook.ids_by_run(secret)

    assert set(found) == runs
    assert all(len(ids) == 1 for ids in found.values())
