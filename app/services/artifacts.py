"""Artifacts: content first, durably, then the row that refers to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.domain.errors import NotFound
from app.ports.artifacts import (
    MAX_NAME_CHARS,
    ArtifactCaps,
    ArtifactOwner,
    ArtifactRow,
    ArtifactStore,
    NewArtifact,
)
from app.ports.blobs import Blobs
from app.ports.clock import Clock
from app.ports.pages import Page
from app.services.media_types import media_type_of
from app.services.naming import check_file_name


@dataclass(frozen=True, slots=True)
class ArtifactService:
    """``ports.artifacts.Artifacts``, and what clients may do beside. Callers know that the swarm is theirs."""

    store: ArtifactStore
    blobs: Blobs
    clock: Clock
    caps: ArtifactCaps

    async def save(
        self,
        owner: ArtifactOwner,
        name: str,
        content: bytes | AsyncIterator[bytes],
        *,
        run_key: str,
        media_type: str | None = None,
    ) -> ArtifactRow:
        check_file_name(name, "/name", MAX_NAME_CHARS)
        kind = media_type_of(name, media_type)
        known = await self.store.of_run(owner.swarm_id, run_key)
        if known is not None:
            return known
        async with self.blobs.receive(self.caps.max_bytes) as incoming:
            if isinstance(content, bytes):
                await incoming.write(content)
            else:
                async for chunk in content:
                    await incoming.write(chunk)
            blob = await incoming.keep()
            artifact = NewArtifact(
                owner=owner,
                name=name,
                media_type=kind,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                run_key=run_key,
                at_ms=self.clock.now_ms(),
            )
            row = await self.store.add(artifact, self.caps)
            if row is None:
                raise NotFound("swarm", owner.swarm_id)
            if row.sha256 == blob.sha256:
                incoming.settle()
        return row

    async def find(self, swarm_id: str, name: str) -> ArtifactRow | None:
        return await self.store.get(swarm_id, name, None)

    async def content(self, artifact: ArtifactRow) -> bytes:
        return await self.blobs.read(artifact.sha256)

    async def get(self, swarm_id: str, name: str, version: int | None, task_id: str | None = None) -> ArtifactRow:
        row = await self.store.get(swarm_id, name, version, task_id)
        if row is None:
            of_task = "" if task_id is None else f" of task {task_id}"
            raise NotFound("artifact", name + of_task if version is None else f"{name} version {version}{of_task}")
        return row

    async def list(self, swarm_id: str, task_id: str | None, *, limit: int, cursor: str | None) -> Page[ArtifactRow]:
        return await self.store.list(swarm_id, task_id, limit=limit, cursor=cursor)

    async def versions(
        self, swarm_id: str, task_id: str | None, name: str | None, *, limit: int, cursor: str | None
    ) -> Page[ArtifactRow]:
        return await self.store.versions(swarm_id, task_id, name, limit=limit, cursor=cursor)

    async def of_tasks(self, swarm_id: str, task_id: str | None) -> Sequence[ArtifactRow]:
        """Return the newest version that each task saved of each name; bounded by ``ArtifactCaps.max_artifacts``."""
        return await self.store.of_tasks(swarm_id, task_id)
