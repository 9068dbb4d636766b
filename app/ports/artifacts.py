"""Artifacts: named outputs of tasks, as files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import Conflict
from app.ports.pages import Page

MAX_NAME_CHARS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactCaps:
    """``max_bytes`` of one content; the others of a swarm, all versions counted."""

    max_bytes: int = 64 * 1024 * 1024
    max_total_bytes: int = 1024 * 1024 * 1024
    max_artifacts: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactOwner:
    """The task that saves an artifact."""

    tenant_id: str
    swarm_id: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArtifact:
    """``run_key`` is stored once in a swarm, however often it is tried."""

    owner: ArtifactOwner
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    run_key: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRow:
    """Times are Unix milliseconds; versions of a name count from 1."""

    swarm_id: str
    name: str
    version: int
    task_id: str
    media_type: str
    size_bytes: int
    sha256: str
    created_at_ms: int


class ArtifactsFull(Conflict):
    """The artifacts of a swarm take all the room they may."""

    code = "artifacts_full"


class ArtifactStore(Protocol):
    async def add(self, artifact: NewArtifact, caps: ArtifactCaps) -> ArtifactRow | None:
        """Store an artifact durably, as the next version of its name; where ``run_key`` is known, return what was
        stored then. None where the tenant has no such swarm.

        Raises:
            ArtifactsFull: see there.
        """
        ...

    async def of_run(self, swarm_id: str, run_key: str) -> ArtifactRow | None: ...

    async def get(
        self, swarm_id: str, name: str, version: int | None, task_id: str | None = None
    ) -> ArtifactRow | None:
        """Return one version, the newest where ``version`` is None; with ``task_id`` of those that this task saved."""
        ...

    async def list(self, swarm_id: str, task_id: str | None, *, limit: int, cursor: str | None) -> Page[ArtifactRow]:
        """Return the newest version of each name, of those that a task saved with ``task_id``, in the order of names'
        code points."""
        ...

    async def versions(
        self, swarm_id: str, task_id: str | None, name: str | None, *, limit: int, cursor: str | None
    ) -> Page[ArtifactRow]:
        """Return every version of each name, the newest first; with ``task_id`` and ``name`` only of those.

        Raises:
            InvalidRequest: ``cursor`` is not one of ours.
        """
        ...

    async def of_tasks(self, swarm_id: str, task_id: str | None) -> Sequence[ArtifactRow]:
        """Return the newest version that each task saved of each name, by name and version."""
        ...


class Artifacts(Protocol):
    """What tools may do with artifacts."""

    async def save(
        self,
        owner: ArtifactOwner,
        name: str,
        content: bytes | AsyncIterator[bytes],
        *,
        run_key: str,
        media_type: str | None = None,
    ) -> ArtifactRow:
        """Keep a content under a name, durable before it returns; the same name again makes a new version.

        Args:
            media_type: by the end of the name where it is None.
            run_key: a save repeated with it returns what was saved the first time.

        Raises:
            InvalidRequest: the name or media type is not one that can be kept.
            ContentTooLarge: see there.
            ArtifactsFull: see there.
        """
        ...

    async def find(self, swarm_id: str, name: str) -> ArtifactRow | None:
        """Return the newest version of a swarm's artifact."""
        ...

    async def content(self, artifact: ArtifactRow) -> bytes:
        """Return the whole content of an artifact.

        Raises:
            ContentMissing: see there.
        """
        ...
