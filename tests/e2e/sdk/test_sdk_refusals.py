"""What stands between a client and the service refuses in its own way: each SDK makes the same exception of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.sdks import Sdk

HTML = b"<html><h1>Forbidden by the proxy</h1></html>"

PROGRAMS = {
    ".py": """
import asyncio, sys
from swarmd_client import ApiProblem, AuthenticatedClient, ok, stream_swarm
from swarmd_client.api.swarms import get_swarm

def call(client):
    ok(get_swarm.sync_detailed("swm_1", client=client))

def stream(client):
    asyncio.run(anext(stream_swarm(client, "swm_1")))

with AuthenticatedClient(base_url=sys.argv[1], token="x") as client:
    for attempt in (call, stream):
        try:
            attempt(client)
        except ApiProblem as refused:
            print(refused.problem.status, refused.problem.code, refused.problem.detail)
""",
    ".mjs": """
import { ApiProblem, createSwarmd, ok } from "swarmd-client";
import { WebSocket } from "ws";

const swarmd = createSwarmd({ baseUrl: process.argv[2], apiKey: "x" });
const call = async () => ok(await swarmd.GET("/v1/swarms/{swarm_id}", { params: { path: { swarm_id: "swm_1" } } }));
const stream = () => swarmd.streamSwarm("swm_1", { WebSocket }).next();
for (const attempt of [call, stream]) {
  await attempt().catch(({ problem }) => console.log(problem.status, problem.code, problem.detail));
}
""",
}


@contextmanager
def proxy(status: int) -> Iterator[str]:
    """Refuses whatever comes, with a page for people."""

    class Refusal(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(HTML)))
            self.end_headers()
            self.wfile.write(HTML)

        do_POST = do_GET  # noqa: N815  the name by which it is called

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the parent's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [403, 418], ids=["documented", "undocumented"])
def test_a_page_of_a_proxy_is_a_problem(sdk: Sdk, status: int) -> None:
    (sdk.programs / f"refused{sdk.suffix}").write_text(PROGRAMS[sdk.suffix], encoding="utf-8")

    with proxy(status) as url:
        said = sdk.run("refused", url)

    assert said == f"{status} unknown {HTML.decode()}\n" * 2
