"""Drives the service in tests: inside the test's own loop, or as real processes that can be killed.

``in_process`` is fast and lets a test put its own chat provider behind the scheduler. ``ServiceProcess`` and
``MockModelProcess`` are what a user runs: real sockets, real signals, a data directory that outlives the process.
"""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, TypeVar
from unittest import mock
from urllib.parse import urlsplit

import httpx2

from app.main import create_app
from app.ports.provider import ChatProvider
from app.settings import load_settings
from app.tools.sandbox.sandbox import open_sandbox
from tests.support import warm
from tests.support.databases import database_env, database_of, place_database
from tests.support.in_process_workers import broker_of, workers_of

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0
BASE_URL = "http://127.0.0.1:8000"

Value = TypeVar("Value")


@asynccontextmanager
async def in_process(
    data_dir: Path, *, provider: ChatProvider | None = None, **settings: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service that runs in this loop and stops with the block.

    Args:
        provider: stands in for the offline model; while nothing else is configured it serves every model name.
        settings: fields of ``Settings``. Without ``metrics=True`` requests are not counted: for that each service
            builds every route there is with its first request, which takes as long as most tests.
    """
    settings = database_of(data_dir) | broker_of() | {"metrics": False} | settings
    with mock.patch.dict(os.environ, clean_environment(), clear=True):
        configured = load_settings(data_dir=data_dir, **settings)
        app = create_app(configured)
    if configured.database_path is not None and not configured.database_path.exists():
        place_database(configured.database_path)
    with ExitStack() as patches:
        # A service looks through all of its process once, at the start. Here that is every test there is, each time.
        patches.callback(gc.set_threshold, *gc.get_threshold())
        collector = SimpleNamespace(collect=lambda: 0, freeze=lambda: None, set_threshold=gc.set_threshold)
        patches.enter_context(mock.patch("app.telemetry.system.gc", collector))
        patches.enter_context(mock.patch("app.tools.code_interpreter.open_sandbox", _open_sandbox))
        if provider is not None:
            patches.enter_context(mock.patch("app.sub_agents.OfflineProvider", return_value=provider))
        async with app.router.lifespan_context(app), workers_of(configured):
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url=BASE_URL, timeout=DEADLINE_S) as client:
                yield client


_open_sandbox = cache(open_sandbox)
"""A service tries its sandbox out at the start, which takes a process of its own; once works for all of this one."""


def clean_environment() -> dict[str, str]:
    """The environment without anything that would configure the service."""
    return {name: value for name, value in os.environ.items() if not re.match(r"SWARMD_|OTEL_|.*_API_KEY$", name)}


def poll(
    question: Callable[[], Value | None], *, deadline_s: float = DEADLINE_S, every_s: float = 0.02, what: str = "it"
) -> Value:
    """Ask until the answer is neither None nor False, or fail when the deadline passes."""
    give_up_at = time.monotonic() + deadline_s
    while True:
        answer = question()
        if answer is not None and answer is not False:
            return answer
        assert time.monotonic() < give_up_at, f"{what} did not happen within {deadline_s} s"
        time.sleep(every_s)


class _Process:
    """A command of ``app.cli``; its output goes to files, so that no pipe can fill up and block it."""

    command: Sequence[str] = (sys.executable, "-m", "app.cli")

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self._process: subprocess.Popen[bytes] | warm.WarmProcess | None = None

    @property
    def output(self) -> str:
        """Everything the newest process said."""
        return self._out.read_text() + self._err.read_text()

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs any more when this returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def terminate(self, deadline_s: float = DEADLINE_S) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            status = self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {deadline_s} s of SIGTERM:\n{self.output}") from None
        self._process = None
        return status

    def _run(self, *arguments: str, ready: str, **env: str) -> str:
        """Start the command and return the first group of ``ready`` once it says so."""
        assert self._process is None, "already running"
        process = self._process = self._started(arguments, env)

        def said() -> str | None:
            match = re.search(ready, self.output)
            assert match or process.poll() is None, f"ended with {process.returncode}:\n{self.output}"
            return match.group(1) if match else None

        try:
            return poll(said, deadline_s=3 * DEADLINE_S, what="the start")
        except BaseException:
            self.kill()
            raise

    def _started(self, arguments: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes] | warm.WarmProcess:
        whole = {**clean_environment(), "PYTHONPATH": str(ROOT), **env}
        for said in (self._out, self._err):  # what the one before said stays to be looked at
            if said.exists():
                said.rename(said.with_name(f"{said.name}.{len(list(self._folder.glob(f'{said.name}.*'))) + 1}"))
        if self.command is _Process.command and warm.takes(env):
            self._out.write_bytes(b"")
            self._err.write_bytes(b"")
            return warm.WarmProcess(arguments, out=self._out, err=self._err, cwd=self._folder, env=whole)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            return subprocess.Popen(
                [*self.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self._folder,
                env=whole,
            )


class ServiceProcess(_Process):
    """``swarmd serve`` on a free loopback port; starting it again on the same data directory continues its work."""

    def __init__(self, folder: Path, *flags: str, **env: str) -> None:
        super().__init__(folder, "service")
        self.data_dir = folder / "data"
        self._flags, self._env = flags, env
        self.url = ""

    def __enter__(self) -> ServiceProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Return once ``/readyz`` says so."""
        data = ("--data-dir", str(self.data_dir))
        env = database_env(self.data_dir) | self._env
        self.url = self._run("serve", "--port", "0", *data, *self._flags, ready=r"listening on (http://\S+)", **env)
        with self.client() as client:
            poll(lambda: client.get("/readyz").status_code == 200, what="/readyz")

    def restart(self) -> None:
        self.kill()
        self.start()

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=DEADLINE_S)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


class MockModelProcess(_Process):
    """``swarmd mock-model`` with a call log; ``url`` is what the service takes as a provider's base URL.

    Started again after a ``kill`` it listens on the same port and goes on with the same log.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        super().__init__(folder, "mock")
        self._log = folder / "calls.jsonl"
        self._flags = flags
        self.url = ""

    def __enter__(self) -> MockModelProcess:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Return once it listens."""
        port = str(urlsplit(self.url).port or 0)
        log = ("--call-log", str(self._log))
        self.url = self._run("mock-model", "--port", port, *log, *self._flags, ready=r"listening on (http://\S+)")

    def configure(self, **options: Any) -> None:
        """Change options of the running server; from the return on they hold."""
        httpx2.patch(f"{self.root_url}/mock/config", json=options).raise_for_status()

    def script(self, *entries: dict[str, Any]) -> None:
        """Queue what it answers to the next requests that match."""
        httpx2.post(f"{self.root_url}/mock/script", json=list(entries)).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        """The call log so far: one entry when a request arrives (``received``) and one when it ends.

        A reader may meet the half of a line that is being written; it counts from its end on.
        """
        if not self._log.exists():
            return []
        whole, _, _ = self._log.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def as_provider(self) -> tuple[str, ...]:
        """Flags of ``swarmd serve`` that make this the one provider."""
        return ("--provider-base-url", self.url, "--default-model", "mock")

    @property
    def root_url(self) -> str:
        return self.url.removesuffix("/v1")


def events_of(client: httpx2.Client, swarm_id: str) -> Iterator[dict[str, Any]]:
    """The whole event log of a swarm, page by page, checked to be without a gap."""
    after = 0
    while True:
        page = client.get(f"/v1/swarms/{swarm_id}/events", params={"after": after, "limit": 1000}).json()["items"]
        if not page:
            return
        assert [event["seq"] for event in page] == list(range(after + 1, after + 1 + len(page)))
        after += len(page)
        yield from page
