"""A web server on this machine that answers as told, and what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.support.certificates import self_signed

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Site:
    """``asked`` are the requests with their bodies, in order; ``answers`` what is answered, by path."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[web.Request, bytes]] = field(default_factory=list)

    def says(
        self, path: str, body: bytes | str = b"", kind: str = "text/plain", status: int = 200, **headers: str
    ) -> None:
        """Answer ``path`` with this; ``Content_Encoding`` becomes the header ``Content-Encoding``."""
        content = body if isinstance(body, bytes) else body.encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": kind}

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=content, status=status, headers=named)

        self.answers[path] = answer

    def redirects(self, path: str, target: str, status: int = 302) -> None:
        self.says(path, b"elsewhere", status=status, Location=target)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [request.path for request, _ in self.asked]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.read()))
        answer = self.answers.get(request.path)
        return web.Response(status=404, text="no such page") if answer is None else await answer(request)


@asynccontextmanager
async def site(host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made._answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    made.port = int(runner.addresses[0][1])
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_site(sent: bytes, *, then_hang: bool = False, every_byte_s: float = 0.0) -> AsyncIterator[int]:
    """Yield the port of a server that answers every connection with these bytes, whatever it is asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            pieces = [bytes([byte]) for byte in sent] if every_byte_s else [sent]
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(every_byte_s)
            if then_hang:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def tls_site(folder: Path, name: str) -> AsyncIterator[tuple[Site, ssl.SSLContext]]:
    """A site with a certificate for ``name`` made just now, and what to trust to believe it."""
    certificate, key = await asyncio.to_thread(self_signed, folder, f"DNS:{name}", subject=name)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    async with site(tls=serving) as made:
        made.says("/", "encrypted")
        yield made, ssl.create_default_context(cafile=certificate)
