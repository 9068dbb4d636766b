"""Artifacts (``ports.artifacts.ArtifactStore``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, or_, select

from app.domain.errors import InvalidRequest
from app.ports.artifacts import ArtifactCaps, ArtifactRow, ArtifactsFull, NewArtifact
from app.ports.pages import Page
from app.storage.dialect import ConstraintViolated, Op, UnexpectedRowCount, compile_statement
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.shared_tables import ARTIFACTS
from app.storage.tables import SWARMS
from app.storage.writer import Writer

_CURSOR = re.compile(r"(\d{1,9})/(.+)", re.DOTALL)
_MINE = ARTIFACTS.c.swarm_id == param("swarm_id")
_NEXT_VERSION = (
    select(func.coalesce(func.max(ARTIFACTS.c.version), 0) + 1)
    .where(_MINE, ARTIFACTS.c.name == param("name"))
    .scalar_subquery()
)
_held = select(func.count(ARTIFACTS.c.version)).where(_MINE).scalar_subquery()
_held_bytes = select(func.coalesce(func.sum(ARTIFACTS.c.size_bytes), 0)).where(_MINE).scalar_subquery()
_ADD = compile_statement(
    insert(ARTIFACTS).from_select(
        [
            "swarm_id",
            "name",
            "version",
            "task_id",
            "media_type",
            "size_bytes",
            "sha256",
            "run_key",
            "created_at_ms",
        ],
        select(
            SWARMS.c.id,
            param("name"),
            _NEXT_VERSION,
            param("task_id"),
            param("media_type"),
            param("size_bytes"),
            param("sha256"),
            param("run_key"),
            param("at_ms"),
        ).where(
            SWARMS.c.id == param("swarm_id"),
            SWARMS.c.tenant_id == param("tenant_id"),
            _held + 1 <= param("max_artifacts"),
            _held_bytes + param("size_bytes") <= param("max_total_bytes"),
        ),
    ),
    locked=("swarm_id",),
)


class Artifacts:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, artifact: NewArtifact, caps: ArtifactCaps) -> ArtifactRow | None:
        owner = artifact.owner
        values = {
            "tenant_id": owner.tenant_id,
            "swarm_id": owner.swarm_id,
            "task_id": owner.task_id,
            "name": artifact.name,
            "media_type": artifact.media_type,
            "size_bytes": artifact.size_bytes,
            "sha256": artifact.sha256,
            "run_key": artifact.run_key,
            "at_ms": artifact.at_ms,
            "max_artifacts": caps.max_artifacts,
            "max_total_bytes": caps.max_total_bytes,
        }
        try:
            await self._writer.write([Op(_ADD, [_ADD.row(values)], expect=1)])
        except (UnexpectedRowCount, ConstraintViolated) as exc:
            known = await self.of_run(owner.swarm_id, artifact.run_key)
            if known is None and await self._has_swarm(owner.tenant_id, owner.swarm_id):
                raise ArtifactsFull(
                    f"the artifacts of swarm {owner.swarm_id} would take more than their room"
                    f" ({caps.max_artifacts:,} artifacts, {caps.max_total_bytes:,} bytes)"
                ) from exc
            return known
        return await self.of_run(owner.swarm_id, artifact.run_key)

    async def of_run(self, swarm_id: str, run_key: str) -> ArtifactRow | None:
        query = select(ARTIFACTS).where(ARTIFACTS.c.swarm_id == swarm_id, ARTIFACTS.c.run_key == run_key)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _artifact(row)

    async def _has_swarm(self, tenant_id: str, swarm_id: str) -> bool:
        query = select(SWARMS.c.id).where(SWARMS.c.id == swarm_id, SWARMS.c.tenant_id == tenant_id)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def get(
        self, swarm_id: str, name: str, version: int | None, task_id: str | None = None
    ) -> ArtifactRow | None:
        query = select(ARTIFACTS).where(ARTIFACTS.c.swarm_id == swarm_id, ARTIFACTS.c.name == name)
        if task_id is not None:
            query = query.where(ARTIFACTS.c.task_id == task_id)
        if version is not None:
            query = query.where(ARTIFACTS.c.version == version)
        async with self._reader.connect() as connection:
            row = (await connection.execute(query.order_by(ARTIFACTS.c.version.desc()).limit(1))).first()
        return None if row is None else _artifact(row)

    async def list(self, swarm_id: str, task_id: str | None, *, limit: int, cursor: str | None) -> Page[ArtifactRow]:
        newest = select(ARTIFACTS.c.name, func.max(ARTIFACTS.c.version).label("version")).where(
            ARTIFACTS.c.swarm_id == swarm_id
        )
        if task_id is not None:
            newest = newest.where(ARTIFACTS.c.task_id == task_id)
        if cursor is not None:
            newest = newest.where(ARTIFACTS.c.name > cursor)
        page = newest.group_by(ARTIFACTS.c.name).order_by(ARTIFACTS.c.name).limit(limit + 1).subquery()
        query = (
            select(ARTIFACTS)
            .join(page, (ARTIFACTS.c.name == page.c.name) & (ARTIFACTS.c.version == page.c.version))
            .where(ARTIFACTS.c.swarm_id == swarm_id)
            .order_by(ARTIFACTS.c.name)
        )
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        items = [_artifact(row) for row in rows[:limit]]
        return Page(items, items[-1].name if len(rows) > limit else None)

    async def versions(
        self, swarm_id: str, task_id: str | None, name: str | None, *, limit: int, cursor: str | None
    ) -> Page[ArtifactRow]:
        query = select(ARTIFACTS).where(ARTIFACTS.c.swarm_id == swarm_id)
        if task_id is not None:
            query = query.where(ARTIFACTS.c.task_id == task_id)
        if name is not None:
            query = query.where(ARTIFACTS.c.name == name)
        if cursor is not None:
            found = _CURSOR.fullmatch(cursor)
            if found is None:
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            older = (ARTIFACTS.c.name == found[2]) & (ARTIFACTS.c.version < int(found[1]))
            query = query.where(or_(ARTIFACTS.c.name > found[2], older))
        query = query.order_by(ARTIFACTS.c.name, ARTIFACTS.c.version.desc()).limit(limit + 1)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        items = [_artifact(row) for row in rows[:limit]]
        return Page(items, f"{items[-1].version}/{items[-1].name}" if len(rows) > limit else None)

    async def of_tasks(self, swarm_id: str, task_id: str | None) -> Sequence[ArtifactRow]:
        mine = ARTIFACTS.c.swarm_id == swarm_id
        if task_id is not None:
            mine &= ARTIFACTS.c.task_id == task_id
        newest = (
            select(ARTIFACTS.c.name, func.max(ARTIFACTS.c.version).label("version"))
            .where(mine)
            .group_by(ARTIFACTS.c.name, ARTIFACTS.c.task_id)
            .subquery()
        )
        query = (
            select(ARTIFACTS)
            .join(newest, (ARTIFACTS.c.name == newest.c.name) & (ARTIFACTS.c.version == newest.c.version))
            .where(ARTIFACTS.c.swarm_id == swarm_id)
            .order_by(ARTIFACTS.c.name, ARTIFACTS.c.version)
        )
        async with self._reader.connect() as connection:
            return [_artifact(row) for row in (await connection.execute(query)).all()]


def _artifact(row: Any) -> ArtifactRow:
    return ArtifactRow(
        swarm_id=row.swarm_id,
        name=row.name,
        version=row.version,
        task_id=row.task_id,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at_ms=row.created_at_ms,
    )
