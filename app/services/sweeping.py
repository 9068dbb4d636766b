"""Takes away what nothing refers to any more: contents of files, and what deleted swarms left.

Deleting only marks; the marks are durable, so what a crash leaves is swept after the next start. Files of swarms that
lie outside the store need no mark: those go of which the store has no swarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from app.domain.errors import StoreUnavailable
from app.ports.blobs import Blobs
from app.ports.files import ContentStore
from app.ports.swarm_files import SwarmFiles
from app.services.periodic import beside

_log = structlog.get_logger(__name__)

_EVERY_S = 600.0
_BATCH = 500


class Sweeper:
    """Args:
    swarm_files: what lies outside the store, in each of these places.
    """

    def __init__(
        self,
        contents: ContentStore,
        blobs: Blobs,
        *,
        swarm_files: Sequence[SwarmFiles] = (),
        every_s: float = _EVERY_S,
    ) -> None:
        self._contents = contents
        self._blobs = blobs
        self._swarm_files = swarm_files
        self._every_s = every_s
        self._woken = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Remove what the last process was cut off at, then sweep from time to time and when woken."""
        await self._blobs.recover()
        async with beside(self._run(), "sweeper"):
            yield

    def wake(self) -> None:
        """Sweep soon: something was deleted."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except StoreUnavailable as exc:
                _log.warning("sweep_failed", error=exc.detail)
            except OSError as exc:
                _log.warning("sweep_failed", error=exc.strerror)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._woken.wait()
            self._woken.clear()

    async def sweep(self) -> None:
        """Sweep once."""
        await self._contents.drop_orphans()
        for sha256 in await self._blobs.open_questions():
            await self._settle(sha256)
        while True:
            marked = await self._contents.possibly_unused(_BATCH)
            settled = [await self._settle(sha256) for sha256 in marked]
            if len(marked) < _BATCH or not any(settled):
                break
        for files in self._swarm_files:
            await self._forget_gone(files)

    async def _forget_gone(self, files: SwarmFiles) -> None:
        # Listed before the store is asked: a swarm is stored before it has files.
        found = await asyncio.to_thread(files.swarms)
        for at in range(0, len(found), _BATCH):
            for swarm_id in await self._contents.gone(found[at : at + _BATCH]):
                await asyncio.to_thread(files.forget, swarm_id)

    async def _settle(self, sha256: str) -> bool:
        """Remove a content unless it is used or being taken; False where that is to be asked again later."""
        if not await self._blobs.doom(sha256):
            return False
        is_used = await self._contents.is_used(sha256)
        if not is_used and not await self._blobs.remove(sha256):
            return False
        await self._contents.forget(sha256, if_used=is_used)
        if not await self._blobs.absolve(sha256):  # taken since; who took it may have given it up again
            await self._contents.mark_unused(sha256)
        return True
