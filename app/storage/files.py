"""Uploaded files, and which contents are referred to (``ports.files.FileStore``, ``ContentStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, insert, or_, select, union_all

from app.domain.errors import InvalidRequest
from app.domain.ids import is_id
from app.ports.files import FILE_PREFIX, FileRow, UploadsFull
from app.ports.pages import Page
from app.storage.dialect import ConstraintViolated, Op, Statement, UnexpectedRowCount, compile_statement, upsert
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.shared_tables import (
    ARTIFACTS,
    FILES,
    MEMORY,
    MEMORY_RUNS,
    MEMORY_TOTALS,
    MESSAGE_CURSORS,
    MESSAGE_QUEUES,
    MESSAGE_SENDERS,
    MESSAGES,
    UNUSED_CONTENTS,
)
from app.storage.tables import AGENTS, SWARMS
from app.storage.writer import Writer

_COLUMNS = ("id", "tenant_id", "name", "media_type", "size_bytes", "sha256", "once", "created_at_ms")
_HELD_BYTES = (
    select(func.coalesce(func.sum(FILES.c.size_bytes), 0))
    .where(FILES.c.tenant_id == param("tenant_id"))
    .scalar_subquery()
)
_ADD = compile_statement(
    insert(FILES).from_select(
        _COLUMNS,
        select(*(param(name) for name in _COLUMNS)).where(
            _HELD_BYTES + param("size_bytes") <= param("max_total_bytes")
        ),
    ),
    locked=("tenant_id",),
)
_THE_FILE = (FILES.c.id == param("id")) & (FILES.c.tenant_id == param("tenant_id"))
_MARK = compile_statement(upsert(UNUSED_CONTENTS, ("sha256",)), locked=("sha256",))


def _mark(referring: Table, where: ColumnElement[bool]) -> Statement:
    """Mark the contents of rows that are about to go."""
    marked = select(UNUSED_CONTENTS.c.sha256).where(UNUSED_CONTENTS.c.sha256 == referring.c.sha256).exists()
    contents = select(referring.c.sha256).where(where, ~marked).distinct()
    return compile_statement(insert(UNUSED_CONTENTS).from_select(["sha256"], contents))


_MARK_FILE = _mark(FILES, _THE_FILE)
_DELETE = compile_statement(FILES.delete().where(_THE_FILE))
_THE_CONTENT = UNUSED_CONTENTS.c.sha256 == param("sha256")
_FORGET = compile_statement(UNUSED_CONTENTS.delete().where(_THE_CONTENT))
_FORGET_USED = compile_statement(
    UNUSED_CONTENTS.delete().where(
        _THE_CONTENT,
        or_(
            *(select(table.c.sha256).where(table.c.sha256 == param("sha256")).exists() for table in (FILES, ARTIFACTS))
        ),
    )
)


def _is_orphan(table: Table) -> ColumnElement[bool]:
    return ~select(SWARMS.c.id).where(SWARMS.c.id == table.c.swarm_id).exists()


_MARK_ORPHANS = _mark(ARTIFACTS, _is_orphan(ARTIFACTS))
_ORPHAN_QUEUES = select(MESSAGE_QUEUES.c.swarm_id).where(_is_orphan(MESSAGE_QUEUES))
_IS_ORPHAN_MEMORY = and_(  # a swarm outlives its orchestrator, and names its memory
    ~select(AGENTS.c.id).where(AGENTS.c.id == MEMORY_TOTALS.c.agent_id).exists(),
    ~select(SWARMS.c.id).where(SWARMS.c.agent_id == MEMORY_TOTALS.c.agent_id).exists(),
)
_ORPHAN_MEMORIES = select(MEMORY_TOTALS.c.agent_id).where(_IS_ORPHAN_MEMORY)
_DROP_ORPHANS = (
    compile_statement(ARTIFACTS.delete().where(_is_orphan(ARTIFACTS))),
    *(
        compile_statement(table.delete().where(table.c.swarm_id.in_(_ORPHAN_QUEUES)))
        for table in (MESSAGES, MESSAGE_CURSORS, MESSAGE_SENDERS)
    ),
    compile_statement(MESSAGE_QUEUES.delete().where(_is_orphan(MESSAGE_QUEUES))),
    *(
        compile_statement(table.delete().where(table.c.agent_id.in_(_ORPHAN_MEMORIES)))
        for table in (MEMORY, MEMORY_RUNS)
    ),
    compile_statement(MEMORY_TOTALS.delete().where(_IS_ORPHAN_MEMORY)),
)


class Files:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, file: FileRow, max_total_bytes: int) -> FileRow:
        values = {
            "id": file.file_id,
            "tenant_id": file.tenant_id,
            "name": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "once": file.once,
            "created_at_ms": file.created_at_ms,
            "max_total_bytes": max_total_bytes,
        }
        try:
            await self._writer.write([Op(_ADD, [_ADD.row(values)], expect=1)])
        except (UnexpectedRowCount, ConstraintViolated) as exc:
            if file.once is not None:
                known = await self.of_key(file.tenant_id, file.once)
                if known is not None:
                    return known
            raise UploadsFull(max_total_bytes) from exc
        return file

    async def held_bytes(self, tenant_id: str) -> int:
        query = select(func.coalesce(func.sum(FILES.c.size_bytes), 0)).where(FILES.c.tenant_id == tenant_id)
        async with self._reader.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def of_key(self, tenant_id: str, once: str) -> FileRow | None:
        return await self._first(FILES.c.tenant_id == tenant_id, FILES.c.once == once)

    async def get(self, tenant_id: str, file_id: str) -> FileRow | None:
        return await self._first(FILES.c.tenant_id == tenant_id, FILES.c.id == file_id)

    async def newest(self, tenant_id: str, name: str) -> FileRow | None:
        return await self._first(FILES.c.tenant_id == tenant_id, FILES.c.name == name)

    async def _first(self, *where: ColumnElement[bool]) -> FileRow | None:
        async with self._reader.connect() as connection:
            row = (await connection.execute(select(FILES).where(*where).order_by(FILES.c.id.desc()).limit(1))).first()
        return None if row is None else _file(row)

    async def list(self, tenant_id: str, name: str | None, *, limit: int, cursor: str | None) -> Page[FileRow]:
        query = select(FILES).where(FILES.c.tenant_id == tenant_id)
        if name is not None:
            query = query.where(FILES.c.name == name)
        if cursor is not None:
            if not is_id(FILE_PREFIX, cursor):
                raise InvalidRequest.field("/cursor", "is not a cursor that this list gave out")
            query = query.where(FILES.c.id < cursor)
        async with self._reader.connect() as connection:
            rows = (await connection.execute(query.order_by(FILES.c.id.desc()).limit(limit + 1))).all()
        items = [_file(row) for row in rows[:limit]]
        return Page(items, items[-1].file_id if len(rows) > limit else None)

    async def delete(self, tenant_id: str, file_id: str) -> bool:
        values = {"tenant_id": tenant_id, "id": file_id}
        _, affected = await self._writer.write(
            [Op(_MARK_FILE, [_MARK_FILE.row(values)]), Op(_DELETE, [_DELETE.row(values)])]
        )
        return bool(affected)


class Contents:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def drop_orphans(self) -> None:
        await self._writer.write([Op(statement, [()]) for statement in (_MARK_ORPHANS, *_DROP_ORPHANS)])

    async def gone(self, swarm_ids: Sequence[str]) -> Sequence[str]:
        query = select(SWARMS.c.id).where(SWARMS.c.id.in_(swarm_ids))
        async with self._reader.connect() as connection:
            known = set((await connection.execute(query)).scalars())
        return [swarm_id for swarm_id in swarm_ids if swarm_id not in known]

    async def mark_unused(self, sha256: str) -> None:
        await self._writer.write([Op(_MARK, [_MARK.row({"sha256": sha256})])])

    async def possibly_unused(self, limit: int) -> Sequence[str]:
        async with self._reader.connect() as connection:
            return (await connection.execute(select(UNUSED_CONTENTS.c.sha256).limit(limit))).scalars().all()

    async def is_used(self, sha256: str) -> bool:
        query = union_all(
            select(FILES.c.sha256).where(FILES.c.sha256 == sha256),
            select(ARTIFACTS.c.sha256).where(ARTIFACTS.c.sha256 == sha256),
        ).limit(1)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def forget(self, sha256: str, *, if_used: bool) -> None:
        statement = _FORGET_USED if if_used else _FORGET
        await self._writer.write([Op(statement, [statement.row({"sha256": sha256})])])


def _file(row: Any) -> FileRow:
    return FileRow(
        file_id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at_ms=row.created_at_ms,
        once=row.once,
    )
