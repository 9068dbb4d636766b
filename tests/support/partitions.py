"""A network that loses what is sent over it: a link between one process and one server, cut and healed by a test.

Nobody is told of a cut: no connection is closed or reset, what is under way is lost in one direction or both, and what
was sent but not received comes through late, after the healing, if both sides still want it.

Where the machine permits it a link leads through a network namespace of its own, and packets are really lost: the
neighbour's address is wrong for as long as the cut lasts, so that the kernels on both sides send again, back off and
give up as they do on a broken network. Elsewhere a proxy holds back what it has read.
"""

from __future__ import annotations

import ctypes
import functools
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_NEAR_MAC, _FAR_MAC, _NOBODY = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:ff"
_NETWORKS = 2**15
"""Of four addresses each, in the range that RFC 2544 keeps for trials of networks."""

_CLONE_NEWNET = 0x4000_0000
_BUFFER_BYTES = 64 * 1024
_numbers = count()


class Link:
    """Passes bytes on to ``target``, both ways, unless it is cut.

    Attributes:
        address: ``host:port`` where the process finds the server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._ways = {"there": threading.Event(), "back": threading.Event()}
        for way in self._ways.values():
            way.set()
        self._over = False
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = self._listen()
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._over = True
        self.heal()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def cut(self, *, there: bool = True, back: bool = True) -> None:
        """Lose what goes to the server (``there``), what comes from it (``back``), or both."""
        self._lose(there=there, back=back)

    def heal(self) -> None:
        self._lose(there=False, back=False)

    def _lose(self, *, there: bool, back: bool) -> None:
        for way, lost in (("there", there), ("back", back)):
            (self._ways[way].clear if lost else self._ways[way].set)()

    def _listen(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        for way in self._ways.values():  # a connection is made once packets get through both ways
            way.wait()
        with client, suppress(OSError), socket.create_connection(self._target) as server:
            with self._lock:
                self._sockets |= {client, server}
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ahead = threading.Thread(target=self._pump, args=(client, server, "there"), daemon=True)
            ahead.start()
            self._pump(server, client, "back")
            ahead.join()
            with self._lock:
                self._sockets -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := source.recv(_BUFFER_BYTES):
                self._ways[way].wait()
                sink.sendall(data)
        self._ways[way].wait()
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class NamespaceLink(Link):
    """The server's end is in a network namespace of its own, at the other end of a cable that loses packets."""

    def __init__(self, target: tuple[str, int]) -> None:
        number = next(_numbers)
        network = (os.getpid() * 64 + number) % _NETWORKS
        high, low = divmod(network * 4, 65_536)
        prefix = f"198.{18 + high}.{low >> 8}"
        self._near_ip, self._far_ip = (f"{prefix}.{(low & 255) + place}" for place in (1, 2))
        self._near = f"sw{os.getpid() % 100_000}n{number % 1000}"
        self._namespace = -1
        super().__init__(target)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        super().__exit__(kind, exc, tb)
        self._ip("link", "delete", self._near)
        os.close(self._namespace)

    def _lose(self, *, there: bool, back: bool) -> None:
        where = ("nud", "permanent")
        far, near = (_NOBODY if there else _FAR_MAC), (_NOBODY if back else _NEAR_MAC)
        self._ip("neighbour", "replace", self._far_ip, "lladdr", far, "dev", self._near, *where)
        self._ip("neighbour", "replace", self._near_ip, "lladdr", near, "dev", "far", *where, far=True)

    def _listen(self) -> socket.socket:
        with ThreadPoolExecutor(1) as thread:  # a namespace is a thread's, and what the thread makes stays in it
            return thread.submit(self._make).result()

    def _make(self) -> socket.socket:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace")
        self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            near = ("name", self._near, "netns", str(os.getpid()), "address", _NEAR_MAC)
            self._ip("link", "add", "name", "far", "address", _FAR_MAC, "type", "veth", "peer", *near, far=True)
            self._ip("address", "add", f"{self._far_ip}/30", "dev", "far", far=True)
            self._ip("link", "set", "far", "up", far=True)
            self._ip("address", "add", f"{self._near_ip}/30", "dev", self._near)
            self._ip("link", "set", self._near, "up")
            self._lose(there=False, back=False)
            return socket.create_server((self._far_ip, 0))
        except BaseException:
            os.close(self._namespace)  # and with it the cable is gone
            raise

    def _ip(self, *arguments: str, far: bool = False) -> None:
        """Run ``ip`` at either end of the cable, whichever thread calls."""
        where = f"/proc/{os.getpid()}/" + (f"fd/{self._namespace}" if far else "ns/net")
        subprocess.run(["nsenter", f"--net={where}", "ip", *arguments], check=True, capture_output=True)


@functools.cache
def kind_of_link() -> type[Link]:
    """The best that is permitted here."""
    with suppress(OSError, subprocess.CalledProcessError), NamespaceLink(("127.0.0.1", 9)) as link:
        host, port = link.address.split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            return NamespaceLink
    return Link


@contextmanager
def links(kind: type[Link]) -> Iterator[Links]:
    with ExitStack() as stack:
        yield Links(kind, stack)


class Links:
    """Between each process and each server, by their names."""

    def __init__(self, kind: type[Link], stack: ExitStack) -> None:
        self._kind, self._stack = kind, stack
        self._links: dict[tuple[str, str], Link] = {}

    def __getitem__(self, ends: tuple[str, str]) -> Link:
        return self._links[ends]

    def through(self, process: str, server: str, url: str) -> str:
        """Lay a link and return the URL by which that process is to reach the server."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        link = self._stack.enter_context(self._kind((parts.hostname, parts.port)))
        self._links[process, server] = link
        return url.replace(f"{parts.hostname}:{parts.port}", link.address)
