"""The same guard for libraries that bring httpx2, such as clients of MCP: a transport that pins addresses.

Redirects pass through the transport hop by hop, so each is checked. Sizes and times are the library's business.
"""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from typing import Self

import httpx2

from app.net.resolving import CheckedAddresses, Resolve
from app.net.urls import checked_url
from app.ports.fetching import FetchFailed, FetchRefused

_ADDRESSES_TRIED = 4


class GuardedTransport(httpx2.AsyncBaseTransport):
    """For ``httpx2.AsyncClient(transport=…)``; what the guard refuses is an ``httpx2.UnsupportedProtocol``.

    Connections are not kept: a kept one was checked against the name of another request.

    Args:
        allow_private: also reach addresses that are not public.
        resolve: for tests.
        tls: trusted certificates; the system's by default. Names are always checked.
    """

    def __init__(
        self, *, allow_private: bool = False, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private = allow_private
        self._addresses = CheckedAddresses(allow_private=allow_private, resolve=resolve)
        self._inner = httpx2.AsyncHTTPTransport(
            verify=tls if tls is not None else True,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def aclose(self) -> None:
        self._addresses.close()
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Connect to an address that was checked, under the name that was asked for."""
        try:
            url = checked_url(str(request.url), allow_private=self._allow_private)
            host = str(url.raw_host)
            addresses = [host] if _is_address(host) else await self._addresses.of(host, url.port or 0)
        except FetchRefused as exc:
            raise httpx2.UnsupportedProtocol(exc.detail, request=request) from exc
        except FetchFailed as exc:
            raise httpx2.ConnectError(exc.detail, request=request) from exc
        for number, address in enumerate(addresses[:_ADDRESSES_TRIED], 1):
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx2.ConnectError:  # nothing was sent yet
                if number == len(addresses[:_ADDRESSES_TRIED]):
                    raise
        raise httpx2.ConnectError(f"there is no address for the host {host!r}", request=request)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
