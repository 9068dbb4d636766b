"""The connection to NATS: kept up for good, with the stream of assignments in place whenever it stands.

The stream is a work queue: a message is there until a worker has acknowledged it. Nothing here is the truth: whatever
the server loses, with all its data, is published anew by those who wait for it (``nats``).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from app.dispatch.connecting import BrokerRefused, BrokerSettings, StrictClient, refusal
from app.ports.assignments import LEASE_S

_log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 512 * 1024
"""What is larger goes through the store; servers take 1 MiB by default."""

ANY = "any"
"""The pool of jobs that every worker can do."""

BANDS = ("high", "normal", "low")
"""Of priorities, in the order in which workers ask for them."""

_DEDUPE_S = 120.0
_MAX_OUTGOING = 100_000
_MAX_UNACKNOWLEDGED = 100_000
_PING_S = 2
_RECONNECT_S = 1
_API_S = 5.0
_FIRST_S = 3.0
_LAST_WORDS_S = 1.0
_AGAIN_S = 1.0

Callback = Callable[[Msg], None]


def token(text: str) -> str:
    """Return a text as one level of a subject."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:100] or "_"


def pool_of_all(tags: Iterable[str]) -> str:
    """Return the pool of jobs that need several tags at once, of those workers that have just these."""
    return f"all-{hashlib.sha256(chr(10).join(sorted(tags)).encode()).hexdigest()[:16]}"


def pools_of(tags: Sequence[str]) -> list[str]:
    """Return the pools that a worker with these tags serves."""
    return [ANY, *map(token, tags), *([pool_of_all(tags)] if len(tags) > 1 else [])]


def band_of(priority: int) -> str:
    return BANDS[0] if priority >= 8 else BANDS[1] if priority >= 4 else BANDS[2]


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks that use the client, until they have ended.

    A cancel is lost at times: the client waits for answers by ``asyncio.wait_for``, which before Python 3.12 returns an
    answer that has just come instead (https://github.com/python/cpython/issues/86296).
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


class Broker:
    """Args:
    name: what the server calls this process in its own figures.
    """

    def __init__(self, settings: BrokerSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client: Client | None = None
        self._outgoing: deque[tuple[str, bytes, str, Mapping[str, str] | None]] = deque()
        self._news = asyncio.Event()
        self._callbacks: dict[str, Callback] = {}
        self._ready: list[Callable[[], None]] = []
        self._pools: set[str] = set()
        self._serial = 0
        self.epoch: str | None = None
        """Tells one life of the stream from another: other than before, what it held is gone."""
        self.connected = False
        self._options: dict[str, Any] = {}
        self._refusal: str | None = None
        self._said = ""
        self._failures = 0
        self._looked = False
        self._known = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Broker]:
        """Keep the connection up until the context ends. A server that is away is waited for by nobody.

        Raises:
            BrokerRefused: a server is there, and cannot be used as it is configured.
        """
        self._options = self._settings.options()
        tasks = [asyncio.create_task(self._keep_up(), name="broker"), asyncio.create_task(self._send(), name="sender")]
        try:
            await self._look_first()
            yield self
        finally:
            with suppress(Exception):  # it ends anyhow, and what is not said will be found out
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._send_all()
                    if self._client is not None and self.connected:
                        await self._client.flush()
            self.connected = False
            await end(*tasks)

    async def _look_first(self) -> None:
        """Return once the connection stands or no server can be reached."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                await self._known.wait()
        self._looked = True
        if self._refusal is not None and not self.connected:
            raise BrokerRefused(self._refusal)

    def _failed(self, exc: Exception) -> None:
        """Note why there is no connection; what is said again and again is logged once."""
        wrong = refusal(exc, self._settings)
        self._refusal = wrong or self._refusal
        if self.connected or (wrong and not self._looked):  # which is raised
            _log.debug("broker_error", error=_text(exc))
            return
        if (said := wrong or _text(exc)) != self._said:
            self._said = said
            _log.warning("broker_unreachable", error=said)

    # --- subjects ----------------------------------------------------------------------------------------------------

    def subject(self, *parts: str) -> str:
        return ".".join([self._settings.prefix, *parts])

    @property
    def stream(self) -> str:
        return f"{self._settings.prefix}-tasks"

    def consumer(self, pool: str, band: str) -> str:
        return f"{pool}-{band}"

    def next_of(self, pool: str, band: str) -> str:
        """Return the subject by which messages are asked for."""
        return f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.consumer(pool, band)}"

    def inbox(self) -> str:
        """Return a subject on which answers can be asked for, as ``<inbox>.<whatever>``."""
        self._serial += 1
        return f"_INBOX.{token(self._name)}.{self._serial}"

    # --- use ---------------------------------------------------------------------------------------------------------

    def send(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: Mapping[str, str] | None = None
    ) -> bool:
        """Send a message soon; never blocks. False: there is no connection, or too much waits; it is not sent."""
        if not self.connected or len(self._outgoing) >= _MAX_OUTGOING:
            return False
        self._outgoing.append((subject, payload, reply, headers))
        self._news.set()
        return True

    def listen(self, subject: str, callback: Callback) -> None:
        """Call ``callback`` in the loop with each message of a subject; to be said before ``running``."""
        self._callbacks[subject] = callback

    def on_ready(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever the connection stands anew."""
        self._ready.append(callback)

    def serve(self, pool: str) -> None:
        """Have the consumers of a pool in place; to be said before ``running``."""
        self._pools.add(pool)

    async def is_there(self, sequence: int) -> bool | None:
        """Return whether the stream still has a message; None where that cannot be learned now."""
        if self._client is None or not self.connected:
            return None
        try:
            await self._client.jetstream(timeout=_API_S).get_msg(self.stream, seq=sequence)
        except NotFoundError:
            return False
        except (nats.errors.Error, TimeoutError, OSError):
            return None
        return True

    async def ensure(self) -> None:
        """Make the stream and the consumers that are not there.

        Raises:
            nats.errors.Error, TimeoutError, OSError: they could not be made.
        """
        assert self._client is not None
        manager = self._client.jetstream(timeout=_API_S)
        config = StreamConfig(
            name=self.stream,
            subjects=[self.subject("tasks", ">")],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            num_replicas=self._settings.replicas,
            max_bytes=self._settings.max_bytes,
            max_msg_size=2 * MAX_MESSAGE_BYTES,
            duplicate_window=_DEDUPE_S,
        )
        try:
            info = await manager.stream_info(self.stream)
        except NotFoundError:
            info = await manager.add_stream(config)
        if (info.config.num_replicas, info.config.max_bytes) != (config.num_replicas, config.max_bytes):
            await manager.update_stream(config)
        for pool in sorted(self._pools):
            for band in BANDS:
                await manager.add_consumer(
                    self.stream,
                    ConsumerConfig(
                        durable_name=self.consumer(pool, band),
                        filter_subject=self.subject("tasks", pool, band, ">"),
                        ack_policy=AckPolicy.EXPLICIT,
                        ack_wait=LEASE_S,
                        max_ack_pending=_MAX_UNACKNOWLEDGED,
                    ),
                )
        self.epoch = str(info.created)

    # --- the connection ----------------------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Connect again and again, for the client itself gives up after some errors (a wrong password is one)."""
        while True:
            closed = asyncio.Event()
            client = StrictClient(encrypted=self._settings.encrypted)
            try:
                await self._connect(client, closed)
                await closed.wait()
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                self._failed(exc)
            finally:
                self.connected = False
                with suppress(Exception):  # it is of no use any more
                    await client.give_up()
            await asyncio.sleep(_RECONNECT_S)

    async def _connect(self, client: Client, closed: asyncio.Event) -> None:
        urls = self._settings.urls
        again = asyncio.Event()

        async def on_closed() -> None:
            closed.set()

        async def on_disconnected() -> None:
            if self.connected:
                _log.warning("broker_disconnected")
            self.connected = False

        async def on_reconnected() -> None:
            again.set()

        async def on_error(exc: Exception) -> None:
            self._failed(exc)
            self._failures += 1
            if self._client is None and self._failures >= len(urls):
                self._known.set()

        await client.connect(
            urls,
            name=self._name,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_S,
            ping_interval=_PING_S,
            max_outstanding_pings=2,
            error_cb=on_error,
            closed_cb=on_closed,
            disconnected_cb=on_disconnected,
            reconnected_cb=on_reconnected,
            **self._options,
        )
        self._client = client
        for subject, callback in self._callbacks.items():
            await client.subscribe(subject, cb=_calling(callback))
        await self._stand()
        while not closed.is_set():
            waits = [asyncio.ensure_future(again.wait()), asyncio.ensure_future(closed.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if again.is_set():
                again.clear()
                await self._stand()

    async def _stand(self) -> None:
        """Put everything in place and say so; tried until it works or the connection is lost again."""
        assert self._client is not None
        while self._client.is_connected:
            try:
                await self.ensure()
            except (nats.errors.Error, TimeoutError, OSError) as exc:
                self._failed(exc)
                await asyncio.sleep(_RECONNECT_S)
                continue
            self.connected = True
            self._refusal, self._said = None, ""
            self._known.set()
            _log.info("broker_connected")
            for callback in self._ready:
                callback()
            return

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._send_all()

    async def _send_all(self) -> None:
        while self._outgoing:
            subject, payload, reply, headers = self._outgoing.popleft()
            client = self._client
            if client is None or not self.connected:
                self._outgoing.clear()  # all of it is made up for: by new messages, redelivery, or a look
                return
            try:
                await client.publish(subject, payload, reply=reply, headers=dict(headers) if headers else None)
            except (nats.errors.Error, OSError) as exc:
                _log.warning("not_sent", subject=subject, error=_text(exc))


def _calling(callback: Callback) -> Callable[[Msg], Awaitable[None]]:
    async def call(message: Msg) -> None:
        try:
            callback(message)
        except Exception:
            _log.exception("message_not_understood", subject=message.subject)

    return call


def _text(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
