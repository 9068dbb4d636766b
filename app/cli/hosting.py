"""Running the service: the listening socket, uvicorn around ``create_app``, and start-up errors in one line.

``swarmd serve`` runs it in the main thread until a signal; ``run`` and ``demo`` run it in a thread for as long as they
last (``EmbeddedService``), so that Ctrl-C reaches the command first and it can cancel its swarm while the service is
still there to do it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import structlog
import uvicorn

from app.cli import service_record, stream_socket
from app.cli.failures import EXIT_USAGE, DataDirInUse, Failure
from app.domain.errors import StoreInUse, SwarmdError
from app.main import create_app, drain
from app.settings import Settings
from app.telemetry import logs

_log = structlog.get_logger(__name__)
_UVICORN_LOG = logging.getLogger("uvicorn.error")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
"""What stopping may take beside the drain."""

GRACEFUL_SHUTDOWN_S = 3
"""Seconds that connections get to be closed; after the drain only those are left whose client reads nothing."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a taken port is found before anything is started. Port 0 picks a free one.

    Raises:
        Failure: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, OverflowError) as exc:
        raise Failure(f"cannot listen on {host}: {_reason(exc)}", EXIT_USAGE) from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(2048)
    except (OSError, OverflowError) as exc:
        sock.close()
        raise _listen_failure(host, port, exc) from exc
    sock.setblocking(False)
    return sock


def _listen_failure(host: str, port: int, exc: Exception) -> Failure:
    number = exc.errno if isinstance(exc, OSError) else None
    if number == errno.EADDRINUSE:
        return Failure(f"port {port} of {host} is in use by another program; choose another with --port")
    if number == errno.EACCES:
        return Failure(f"no permission to listen on port {port} of {host}; choose one above 1023 with --port")
    return Failure(f"cannot listen on {host} port {port}: {_reason(exc)}", EXIT_USAGE)


def url_of(host: str, port: int) -> str:
    """Where a browser on this machine reaches the service; a wildcard address becomes a loopback one."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


class _Started:
    """The application, with what it raised while starting kept for the command to explain.

    Without this uvicorn would print the traceback and exit. Calls are passed on without a coroutine in between, so a
    request costs nothing extra.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self.error: BaseException | None = None

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return self._lifespan(scope, receive, send) if scope["type"] == "lifespan" else self._app(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        async def quiet(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.failed":
                message = {"type": message["type"], "message": ""}
            await send(message)

        try:
            await self._app(scope, receive, quiet)
        except BaseException as exc:
            self.error = exc
            raise


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it answers, and drains the service before it stops answering.

    Args:
        on_started: called once it answers; uvicorn's own message is for people only.
        drain: awaited between the first request to stop and the end, while requests are still served.
        on_forced: called when a second signal ends the process at once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], None],
        drain: Callable[[], Coroutine[Any, Any, None]],
        on_forced: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._drain = drain
        self._on_forced = on_forced
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        if not await super().on_tick(counter):
            return False
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain(), name="drain")
        if not self._draining.done():
            return False
        if self._draining.exception() is not None:
            _log.error("drain_failed", exc_info=self._draining.exception())
        return True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self._on_forced()
            os._exit(128 + sig)  # what is committed is safe, and the next start goes on from there
        super().handle_exit(sig, frame)


class Host:
    """One service on one listening socket; ``paths`` are the paths it routes.

    Raises:
        Failure: the settings do not make a service (here, or from ``run`` while it starts).
    """

    def __init__(self, settings: Settings, sock: socket.socket, on_started: Callable[[], None]) -> None:
        self._data_dir = settings.data_dir
        self._sock = sock
        self._on_started = on_started
        self.url = url_of(settings.host, sock.getsockname()[1])
        logs.configure(settings.log_level, settings.log_format)
        try:
            application = create_app(settings)
        except Exception as exc:
            sock.close()
            raise startup_failure(exc, settings.data_dir) from exc
        self.paths = frozenset(getattr(route, "path", "") for route in application.routes)
        self._app = _Started(application)
        self._server = _Server(
            uvicorn.Config(
                self._app,
                interface="asgi3",
                lifespan="on",
                loop="auto",
                http="httptools",
                **stream_socket.OPTIONS,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
            ),
            on_started=self._announce,
            drain=lambda: drain(application, settings.drain_s),
            on_forced=lambda: service_record.remove(settings.data_dir),
        )

    def run(self) -> None:
        """Serve until ``stop``, or, in the main thread, until SIGINT or SIGTERM."""
        _UVICORN_LOG.setLevel(logging.CRITICAL)  # until it has started: a failed start is told by what is raised
        try:
            self._server.run(sockets=[self._sock])
        except SystemExit as exc:  # how uvicorn ends when the application did not start
            cause = self._app.error or exc
            raise startup_failure(cause, self._data_dir) from cause
        finally:
            service_record.remove(self._data_dir)
            self._sock.close()

    def stop(self) -> None:
        self._server.should_exit = True

    def _announce(self) -> None:
        _UVICORN_LOG.setLevel(logging.NOTSET)
        service_record.write(self._data_dir, self.url)
        self._on_started()


class EmbeddedService:
    """A service in a thread of this process, as a context manager; ``url`` is where it answers.

    Raises:
        Failure: it did not start (on entering).
    """

    def __init__(self, settings: Settings, sock: socket.socket) -> None:
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._stop_timeout_s = STOP_TIMEOUT_S + settings.drain_s
        self._host = Host(settings, sock, self._ready.set)
        self._thread = threading.Thread(target=self._run, name="swarmd-service", daemon=True)
        self.url = self._host.url

    def _run(self) -> None:
        try:
            self._host.run()
        except BaseException as exc:  # carried over to the thread that waits for the start
            self._error = exc
        finally:
            self._ready.set()

    def __enter__(self) -> EmbeddedService:
        self._thread.start()
        try:
            if not self._ready.wait(START_TIMEOUT_S):
                raise Failure(f"the service did not start within {START_TIMEOUT_S:.0f} s")
            if self._error is not None:
                raise self._error
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._host.stop()
        self._thread.join(self._stop_timeout_s)

    def wait(self) -> None:
        """Until the service ends by itself, which it does not: the caller leaves by a signal."""
        while self._thread.is_alive():
            self._thread.join(1.0)


def startup_failure(exc: BaseException, data_dir: Path) -> BaseException:
    """What to tell the user about a service that did not start; a bug stays the exception it is."""
    if isinstance(exc, Failure):
        return exc
    if isinstance(exc, StoreInUse):
        return DataDirInUse(data_dir)
    if isinstance(exc, SwarmdError):
        return Failure(exc.detail)
    if isinstance(exc, OSError) and exc.filename is not None:
        return Failure(f"{exc.filename}: {exc.strerror}")
    if isinstance(exc, SystemExit):
        return Failure("the service did not start")
    return exc


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
