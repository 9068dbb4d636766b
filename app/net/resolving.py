"""Names to addresses, once for each connection, and only to addresses that may be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from app.net.addresses import is_reachable
from app.ports.fetching import FetchFailed, FetchRefused

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""``(host, port)`` to its IPv4 and IPv6 addresses; raises OSError where there are none."""

_THREADS = 8
_REFUSED = {False: "not of the public Internet", True: "link-local or of a cloud's metadata"}


class CheckedAddresses:
    """Args:
    resolve: the system's resolver by default, in threads of its own: a slow name server holds up nobody else.
    """

    def __init__(self, *, allow_private: bool, resolve: Resolve | None = None) -> None:
        self._allow_private = allow_private
        self._resolve = resolve if resolve is not None else self._ask_system
        self._threads: ThreadPoolExecutor | None = None

    async def of(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host name, in the order in which to try them.

        Raises:
            FetchRefused: one of them is not public. It need not be the first: a connection would fall back to it.
            FetchFailed: there are none.
        """
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise FetchFailed(f"there is no address for the host {host!r}") from exc
        if not all(is_reachable(address, allow_private=self._allow_private) for address in addresses):
            raise FetchRefused(f"{host} has an address that is {_REFUSED[self._allow_private]}")
        return addresses

    def close(self) -> None:
        """Drop what waits to be resolved."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _ask_system(self, host: str, port: int) -> list[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _system_addresses, host, port)


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
