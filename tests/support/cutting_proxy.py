"""A TCP proxy whose connections a test breaks: what stands between a client and a service, and fails.

It keeps its own port while the service behind it is killed and comes back on another one.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing resets the connection."""

_BUFFER_BYTES = 64 * 1024
"""Of the kernel, each way: left to itself it would take megabytes off a service whose client reads nothing."""

_EARLY_BYTES = 6000
"""Some twenty events."""


class CuttingProxy:
    """Passes bytes on, both ways, and breaks connections.

    Attributes:
        url: where clients reach it.
        connections: how many were made.
        cuts: how many it broke.
        wanted: how many it is to break of those that are made from now on, each early in what the service sends.
    """

    def __init__(self, target: str, wanted: int = 0, seed: int = 1) -> None:
        self.aim(target)
        self.connections = self.cuts = 0
        self.wanted = wanted
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.cut()

    def aim(self, target: str) -> None:
        """Pass later connections on to the service at this URL."""
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)

    def cut(self) -> None:
        """Break every connection, some orderly and some by a reset."""
        with self._lock:
            for client in self._open:
                self._break(client)

    def _break(self, client: socket.socket) -> None:
        self.cuts += 1
        if self._random.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as service:
            service.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            with self._lock:
                self._open.add(client)
                last = self._random.randint(100, _EARLY_BYTES) if self.cuts < self.wanted else None
            ahead = threading.Thread(target=_pump, args=(client, service), daemon=True)
            ahead.start()
            try:
                if _pump(service, client, last):
                    with self._lock:
                        self._break(client)
                ahead.join()
            finally:
                with self._lock:
                    self._open.discard(client)


def _pump(source: socket.socket, sink: socket.socket, last: int | None = None) -> bool:
    """Pass on until either side is gone, then let both go; or so many bytes, and return True."""
    with suppress(OSError):
        while data := source.recv(65_536 if last is None else min(last, 65_536)):
            sink.sendall(data)
            if last is not None:
                last -= len(data)
                if last == 0:
                    return True
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    return False
