"""NATS servers for tests: private ones with JetStream, each in a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_STARTED_S = 10.0


class NatsServer:
    """A server on a port that stays the same when it is started again; ``url`` is where it is reached."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.folder = folder
        self.port = port
        self._options = options
        self.url = f"nats://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "nats-server",
                    "-js",
                    "-sd",
                    str(self.folder),
                    "-a",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + _STARTED_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                    assert connection.recv(4) == b"INFO"
                    return
            except OSError:
                assert self._process.poll() is None, "nats-server ended by itself"
                assert time.monotonic() < until, "nats-server does not answer"
                time.sleep(0.02)

    def kill(self) -> None:
        """As with kill -9; its data stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Remove all that a killed server had stored."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def nats_server(folder: Path, *options: str) -> Iterator[NatsServer]:
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")
    server = NatsServer(folder / "nats", _free_port(), *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
