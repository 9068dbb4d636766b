"""NATS servers for tests: private ones with JetStream, each in a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import self_signed

_STARTED_S = 10.0


class NatsServer:
    """A server on a port that stays the same when it is started again; ``url`` is where it is reached."""

    def __init__(self, folder: Path, port: int, *options: str, jetstream: bool = True) -> None:
        self.folder = folder
        self.port = port
        self._storage = ("-js", "-sd", str(folder)) if jetstream else ()
        self._options = options
        self.url = f"nats://127.0.0.1:{port}"
        self.name, self.monitor = "", 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "nats-server",
                    *self._storage,
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

    def leads(self, stream: str) -> bool:
        """Whether this one of a cluster answers for a stream; it must be told to say so (``-m``, its ``monitor``)."""
        with suppress(OSError):
            found = httpx2.get(f"http://127.0.0.1:{self.monitor}/jsz?streams=true&config=true", timeout=5).json()
            for account in found.get("account_details") or ():
                for one in account.get("stream_detail") or ():
                    if one["name"] == stream:
                        return bool(one["cluster"]["leader"] == self.name)
        return False


@contextmanager
def nats_server(folder: Path, *options: str, jetstream: bool = True) -> Iterator[NatsServer]:
    _needed()
    server = NatsServer(folder / "nats", _free_port(), *options, jetstream=jetstream)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def nats_cluster(folder: Path, *options: str) -> Iterator[list[NatsServer]]:
    """Three servers that keep what they hold together."""
    _needed()
    ports = [_free_port() for _ in range(9)]
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports[3:6])
    servers = []
    for number in range(3):
        name, monitor = f"n{number}", ports[6 + number]
        own = ("-n", name, "-m", str(monitor), "--cluster_name", "trial")
        cluster = ("--cluster", f"nats://127.0.0.1:{ports[3 + number]}", "--routes", routes)
        server = NatsServer(folder / name, ports[number], *own, *cluster, *options)
        server.name, server.monitor = name, monitor
        servers.append(server)
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()


def certificate(folder: Path) -> tuple[str, ...]:
    """Make one for 127.0.0.1, ``folder/certificate.pem``, and return what lets a server use it."""
    made, key = self_signed(folder, "IP:127.0.0.1", subject="nats")
    return ("--tls", "--tlscert", str(made), "--tlskey", str(key))


def _needed() -> None:
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server is not installed: apt-get install nats-server")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
