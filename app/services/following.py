"""Hands a channel what other nodes have committed, and their runs' snapshots: here nobody publishes those."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import structlog

from app.domain.errors import StoreUnavailable
from app.ports.doorbell import Doorbell
from app.services.channels import Channel

_log = structlog.get_logger(__name__)

_SNAPSHOT_EVERY_S = 1.0


class Follower:
    """Looks whenever ``topic`` rings.

    Args:
        snapshots: puts newer ones into the channel.
        is_idle: whether all that the channel can have is published here.
    """

    def __init__(
        self,
        channel: Channel,
        doorbell: Doorbell,
        topic: str,
        snapshots: Callable[[Channel], Awaitable[None]],
        is_idle: Callable[[], bool],
    ) -> None:
        self._channel = channel
        self._snapshots = snapshots
        self._is_idle = is_idle
        self._rang = asyncio.Event()
        self._listening = ExitStack()
        self._listening.enter_context(doorbell.listen(topic, self._rang.set))
        self._task = asyncio.create_task(self._follow(), name=f"follow {topic}")

    def stop(self) -> asyncio.Task[None]:
        """Return the task that ends, for whoever has to wait for it."""
        self._listening.close()
        self._task.cancel()
        return self._task

    async def _follow(self) -> None:
        snapshot_at = 0.0
        while True:
            await self._rang.wait()
            self._rang.clear()
            if self._is_idle():
                continue
            try:
                await self._channel.catch_up()
                if time.monotonic() >= snapshot_at:
                    snapshot_at = time.monotonic() + _SNAPSHOT_EVERY_S
                    await self._snapshots(self._channel)
            except StoreUnavailable as exc:
                _log.warning("stream_not_followed", error=exc.detail)
