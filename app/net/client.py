"""The guarded HTTP client: every name is resolved once, and the connection goes to what that resolution gave."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from app.net.addresses import is_reachable
from app.net.body import read_body
from app.net.resolving import CheckedAddresses, Resolve
from app.net.urls import NOT_A_URL, checked_url, origin_of
from app.ports.fetching import Fetched, FetchError, FetchFailed, FetchRefused, FetchRequest

_CONNECT_TIMEOUT_S = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"User-Agent": "swarmd", "Accept": "*/*", "Accept-Encoding": "gzip"}
_HEAD_LIMIT = 16_384


class GuardedClient:
    """``ports.fetching.Fetcher`` over one aiohttp session without cookies, proxies or connections kept open.

    An async context manager: leaving it closes all connections.

    Args:
        allow_private: also reach addresses that are not public, e.g. for an intranet. The rest of the guard stays.
        resolve: the system's resolver by default, in threads of its own: a slow name server holds up nobody else.
        tls: trusted certificates; the system's by default. Names are always checked.
    """

    def __init__(
        self, *, allow_private: bool = False, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private = allow_private
        self._addresses = CheckedAddresses(allow_private=allow_private, resolve=resolve)
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._addresses),
            use_dns_cache=False,
            socket_factory=self._new_socket,
            ssl=self._tls if self._tls is not None else True,
            limit=0,
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
            max_line_size=_HEAD_LIMIT,
            max_field_size=_HEAD_LIMIT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._addresses.close()

    async def fetch(self, request: FetchRequest) -> Fetched:
        """See ``ports.fetching.Fetcher``."""
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        url = checked_url(request.url, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._follow(self._session, request, url)
        except TimeoutError as exc:
            raise FetchFailed(f"{url.host} gave no whole answer within {request.timeout_s:g} s") from exc

    async def check(self, text: str, *, timeout_s: float) -> str:
        """Return host and port of a URL that ``fetch`` would ask as of now, as far as can be told without asking it.

        A name that has no address yet, or of which none is told in time, passes.

        Raises:
            FetchRefused: as ``fetch``.
        """
        url = checked_url(text, allow_private=self._allow_private)
        host, port = url.raw_host or "", url.port or 0
        with suppress(FetchFailed, TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._addresses.of(host, port)
        return f"{host}:{port}"

    async def _follow(self, session: aiohttp.ClientSession, request: FetchRequest, url: URL) -> Fetched:
        method, headers, body = request.method, request.headers, request.body
        origin = origin_of(url)
        for hop in range(request.max_redirects + 1):
            answer = await self._send(session, method, url, headers, body, request.max_bytes)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location or request.max_redirects == 0:
                return answer
            if hop == request.max_redirects:
                break
            url = self._redirected(url, location)
            if answer.status == 303 or (answer.status < 303 and method == "POST"):
                method, body = "GET" if method != "HEAD" else "HEAD", None
            if origin_of(url) != origin:
                if body is not None:
                    raise FetchRefused(f"{origin[1]} redirects a request with a body to another origin, {url.host}")
                headers = {}
        raise FetchFailed(f"more than {request.max_redirects} redirects, the last one to {url}")

    def _redirected(self, url: URL, location: str) -> URL:
        try:
            target = str(url.join(URL(location)))
        except NOT_A_URL as exc:
            raise FetchFailed(f"{url.host} redirects to something that is no URL: {exc}") from exc
        try:
            return checked_url(target, allow_private=self._allow_private)
        except FetchRefused as exc:
            raise FetchRefused(f"{url.host} redirects to a URL that is not fetched: {exc.detail}") from exc

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        max_bytes: int,
    ) -> Fetched:
        try:
            async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
                follows = response.status in _REDIRECTS and "Location" in response.headers
                return Fetched(
                    url=str(url),
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=b"" if follows or method == "HEAD" or not max_bytes else await read_body(response, max_bytes),
                )
        except FetchError:
            raise
        except aiohttp.ClientSSLError as exc:
            raise FetchFailed(f"the certificate of {url.host} is not valid for it, or TLS failed") from exc
        except aiohttp.ClientConnectorError as exc:
            raise FetchFailed(f"{url.host} cannot be reached: {exc.strerror or 'no connection'}") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            if isinstance(exc, TimeoutError):
                raise FetchFailed(f"{url.host} does not answer") from exc
            raise FetchFailed(f"{url.host} gave no answer that can be read ({type(exc).__name__})") from exc

    def _new_socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """The last fence: whatever way an address came, this is the one that is about to be connected to."""
        family, kind, protocol, _, address = info
        if not is_reachable(str(address[0]), allow_private=self._allow_private):
            raise PermissionError("not an address that may be connected to")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


class _CheckedResolver(AbstractResolver):
    """One resolution for each connection; aiohttp connects to what comes back and asks nobody again."""

    def __init__(self, addresses: CheckedAddresses) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._addresses.of(host, port)
        ]

    async def close(self) -> None:
        """Nothing is kept."""
