"""The model: a server that answers every chat completion alike after a delay, in a process of its own.

nginx with the echo module where installed (Debian: ``nginx-light libnginx-mod-http-echo``), which needs a fraction of
a core at any rate these benchmarks reach; the project's own ``mock-model`` elsewhere.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson

from scripts.benchmarks.processes import Child, Children, free_port, listening

MODEL = "mock"
REPLY = "Reviewed: the section holds together; two figures disagree with the table, and one source is missing."
COMPLETION = orjson.dumps(
    {
        "id": "chatcmpl-benchmark",
        "object": "chat.completion",
        "created": 1767225600,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": REPLY}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80},
    }
)

_START_S = 20.0
_JITTER_STEPS = 50
_CAPACITY_CONNECTIONS = 64
_CAPACITY_S = 1.5
_MODULES = (
    "/usr/lib/nginx/modules",
    "/usr/lib64/nginx/modules",
    "/usr/share/nginx/modules",
    "/usr/local/lib/nginx/modules",
    "/usr/local/libexec/nginx",
)
_CONFIG = """
load_module {module};
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 10000; multi_accept on; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/json;
  split_clients $request_id $delay {{ {delays} }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /v1/models {{ echo '{{"object":"list","data":[{{"id":"{model}","object":"model"}}]}}'; }}
    location / {{ {sleep} echo '{completion}'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A listening model server; ``url`` is where chat completions are posted."""

    kind: str
    base_url: str
    child: Child

    @property
    def url(self) -> str:
        return f"{self.base_url}/chat/completions"

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2].partition("/")[0])


@asynccontextmanager
async def model_server(children: Children, latency_s: float, jitter_s: float = 0.0) -> AsyncIterator[ModelServer]:
    """Answer each call after ``latency_s`` seconds, ``jitter_s`` more or less, spread evenly."""
    nginx, module = _nginx(), _echo_module()
    if nginx is None or module is None:
        command = [sys.executable, "-m", "app.cli", "mock-model", "--port", "0", "--reply", REPLY]
        command += ["--latency-ms", str(latency_s * 1000), "--latency-jitter-ms", str(jitter_s * 1000)]
        async with children.started("mock-model", command) as child:
            line = (await child.ask(b"", _START_S)).decode()
            found = re.search(r"http://\S+", line)
            if found is None:
                raise child.failure(f"printed {line!r} instead of its address")
            yield ModelServer("swarmd mock-model", found[0], child)
        return
    with tempfile.TemporaryDirectory(prefix="swarmd-bench-nginx-") as folder:
        port = free_port()
        config = _written_config(module, folder, port, latency_s, jitter_s)
        command = [nginx, "-p", folder, "-e", f"{folder}/error.log", "-c", str(config)]
        async with children.started("nginx", command) as child:
            await listening(child, port, _START_S)
            yield ModelServer(f"{_version(nginx)} + echo", f"http://127.0.0.1:{port}/v1", child)


def _written_config(module: Path, folder: str, port: int, latency_s: float, jitter_s: float) -> Path:
    sleep = "" if latency_s == 0 else "echo_sleep $delay;"
    steps = [latency_s + jitter_s * (2 * step / (_JITTER_STEPS - 1) - 1) for step in range(_JITTER_STEPS)]
    if jitter_s == 0:
        delays = f'* "{latency_s:.3f}";'
    else:
        share = f"{100 / _JITTER_STEPS:g}%"
        delays = " ".join([*(f'{share} "{delay:.3f}";' for delay in steps[:-1]), f'* "{steps[-1]:.3f}";'])
    text = _CONFIG.format(
        module=module,
        folder=folder,
        port=port,
        delays=delays,
        sleep=sleep,
        model=MODEL,
        completion=COMPLETION.decode(),
    )
    path = Path(folder, "nginx.conf")
    path.write_text(text, encoding="utf-8")
    return path


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _echo_module() -> Path | None:
    found = (Path(folder, "ngx_http_echo_module.so") for folder in _MODULES)
    return next((path for path in found if path.is_file()), None)


def _version(nginx: str) -> str:
    answer = subprocess.run([nginx, "-v"], capture_output=True, text=True, timeout=10, check=False)
    return answer.stderr.strip().removeprefix("nginx version: ").replace("/", " ")


async def capacity(server: ModelServer, body: bytes) -> float:
    """Return the requests a second that ``server`` (one without a delay) answers.

    The load is raw bytes over keep-alive connections, which costs this process less than any HTTP client would. What
    comes out is still a lower bound.
    """
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n"
    request = f"{head}Content-Type: application/json\r\n\r\n".encode() + body
    loop = asyncio.get_running_loop()
    clients = [_Hammer(request) for _ in range(_CAPACITY_CONNECTIONS)]
    transports = [(await loop.create_connection(lambda c=client: c, "127.0.0.1", server.port))[0] for client in clients]  # type: ignore[misc]
    began = loop.time()
    await asyncio.sleep(_CAPACITY_S)
    answered = sum(client.answered for client in clients)
    elapsed = loop.time() - began
    for transport in transports:
        transport.abort()
    if answered == 0:
        raise server.child.failure("answered nothing")
    return answered / elapsed


class _Hammer(asyncio.Protocol):
    """Sends the next request when the answer to the last one begins; every answer has one status line."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        answers = data.count(b"HTTP/1.1 200 ")
        if answers:
            self.answered += answers
            self._transport.write(self._request * answers)
