"""Where the files that a task works on come from, and where those go that it keeps for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.domain.errors import InvalidRequest, NotFound
from app.ports.artifacts import ArtifactOwner, ArtifactRow, Artifacts, ArtifactsFull
from app.ports.blobs import ContentMissing, ContentTooLarge
from app.ports.files import Uploads, UploadTooLong
from app.ports.tools import ToolContext, ToolRefused
from app.ports.workspace import Workspace, WorkspaceRefusal

ARTIFACT = "artifact:"
"""Before a name, it means the artifact of this run, whatever other file has the name."""

FILE_READER = "file_reader"
MAX_FILE_BYTES = 32 * 1024 * 1024


class NoSuchFile(ToolRefused):
    """No file has the name, neither here nor there."""


@dataclass(frozen=True, slots=True)
class Found:
    """``origin`` says to the model what kind of file it is."""

    content: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """A bare name means what ``file_reader`` means by it, where the task may call that, else an artifact of this run.

    So no task can slip another one a file in place of an upload or a file of the workspace, and none gets one of those
    by way of this that it may not read.
    """

    workspace: Workspace
    uploads: Uploads
    artifacts: Artifacts

    async def find(self, context: ToolContext, name: str) -> Found:
        """Return a file by its name, or by its id where it is an upload.

        Raises:
            NoSuchFile: see there.
            ToolRefused: it is longer than ``MAX_FILE_BYTES``, or cannot be read.
        """
        wanted = name.removeprefix(ARTIFACT)
        row = await self.artifacts.find(context.swarm_id, wanted)
        readable = FILE_READER in context.tools
        if wanted == name and readable:
            try:
                found = await self._upload(context, name) or await self._of_workspace(name)
            except WorkspaceRefusal as exc:
                if row is None:
                    raise NoSuchFile(
                        f"there is no uploaded file and no artifact of this run {name[:200]!r} (give one name each, no"
                        f" pattern), and of the workspace: {exc}"
                    ) from exc
            else:
                hint = "" if row is None else f", and not {ARTIFACT}{name}"
                return Found(found.content, found.origin + hint)
        if row is None:
            elsewhere = "" if readable else f"; uploads and the workspace are for tasks that may call {FILE_READER}"
            raise NoSuchFile(f"there is no artifact {wanted[:200]!r} of this run{elsewhere}")
        return await self._artifact(row)

    async def save(self, context: ToolContext, name: str, content: AsyncIterator[bytes]) -> ArtifactRow:
        """Save a file as an artifact of the task; repeated for the same run it returns what was saved then.

        Raises:
            ToolRefused: it is not taken; the message says why.
        """
        owner = ArtifactOwner(tenant_id=context.tenant_id, swarm_id=context.swarm_id, task_id=context.task_id)
        try:
            return await self.artifacts.save(owner, name, content, run_key=f"{context.run_key}/{name}")
        except (InvalidRequest, ContentTooLarge, ArtifactsFull, NotFound) as exc:
            raise ToolRefused(exc.detail) from exc

    async def _upload(self, context: ToolContext, name: str) -> Found | None:
        try:
            content = await self.uploads.read(context.tenant_id, name, MAX_FILE_BYTES)
        except (UploadTooLong, ContentMissing) as exc:
            raise ToolRefused(exc.detail) from exc
        return None if content is None else Found(content, "uploaded file")

    async def _of_workspace(self, name: str) -> Found:
        content = await asyncio.to_thread(self.workspace.read, name, MAX_FILE_BYTES)
        return Found(content, "of the workspace")

    async def _artifact(self, row: ArtifactRow) -> Found:
        if row.size_bytes > MAX_FILE_BYTES:
            raise ToolRefused(
                f"the artifact {row.name!r} has {row.size_bytes:,} bytes; at most {MAX_FILE_BYTES:,} are taken of one"
            )
        try:
            content = await self.artifacts.content(row)
        except ContentMissing as exc:
            raise ToolRefused(exc.detail) from exc
        return Found(content, f"artifact of task {row.task_id[:100]!r}, version {row.version}")
