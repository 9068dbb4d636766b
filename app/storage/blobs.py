"""Contents of files in the database (``ports.blobs.Blobs``), where several nodes share it.

Each node reads what any wrote, and a backup of the database has it all.

A content is written in parts under a name of its own, which its SHA-256 then gets; where that has one already, the new
parts go. It stays taken for ten minutes, within which the store refers to it. Removing asks for references in the very
statement that removes, so nothing that another node does meanwhile can come between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

from sqlalchemy import insert, null, or_, select, update

from app.domain.errors import StoreUnavailable
from app.ports.blobs import Blob, ContentMissing, ContentTooLarge
from app.ports.clock import Clock, Entropy
from app.storage.blob_tables import CONTENT_PARTS, CONTENTS
from app.storage.dialect import Op, compile_statement, upsert
from app.storage.dialect.expressions import clock_ms
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.shared_tables import ARTIFACTS, FILES
from app.storage.writer import Writer

_PART_BYTES = 1024 * 1024
_TAKEN_MS = 600_000
_QUESTIONS = 1000
_CUT_OFF_MS = 86_400_000
"""Parts that are so old and belong to no content are what a crash left."""

_IT = CONTENTS.c.sha256 == param("sha256")
_IS_FREE = or_(CONTENTS.c.taken_until_ms.is_(None), CONTENTS.c.taken_until_ms < clock_ms())
_REFERRED = or_(
    *[select(table.c.sha256).where(table.c.sha256 == CONTENTS.c.sha256).exists() for table in (FILES, ARTIFACTS)]
)
_ORPHANED = CONTENT_PARTS.c.content_id.not_in(select(CONTENTS.c.content_id))

_WRITE = compile_statement(insert(CONTENT_PARTS))
_NAME = compile_statement(upsert(CONTENTS, ("taken_until_ms",)), locked=("sha256",))
_TAKE = compile_statement(update(CONTENTS).where(_IT).values(taken_until_ms=clock_ms() + param("taken_ms")))
_DROP_UNNAMED = compile_statement(
    CONTENT_PARTS.delete().where(CONTENT_PARTS.c.content_id == param("content_id"), _ORPHANED)
)
_SETTLE = compile_statement(update(CONTENTS).where(_IT).values(taken_until_ms=null()))
_ABSOLVE = compile_statement(update(CONTENTS).where(_IT, _IS_FREE).values(taken_until_ms=null()))
_REMOVE = compile_statement(
    CONTENTS.delete().where(_IT, _IS_FREE, ~_REFERRED).returning(CONTENTS.c.content_id), locked=("sha256",)
)
_DROP_PARTS = compile_statement(CONTENT_PARTS.delete().where(CONTENT_PARTS.c.content_id == param("content_id")))
_DROP_CUT_OFF = compile_statement(
    CONTENT_PARTS.delete().where(CONTENT_PARTS.c.content_id < param("content_id"), _ORPHANED)
)


class DatabaseBlobs:
    def __init__(self, writer: Writer, reader: Reader, clock: Clock, entropy: Entropy) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._entropy = entropy
        self._loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def receive(self, max_bytes: int) -> AsyncIterator[_Incoming]:
        incoming = _Incoming(self._writer, self._content_id(0), max_bytes)
        try:
            yield incoming
        finally:
            ending = asyncio.ensure_future(incoming.end())
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                await ending
                raise

    def chunks(self, sha256: str) -> Iterator[bytes]:
        stream = self.stream(sha256)

        async def following() -> bytes | None:
            return await anext(stream, None)

        while (part := asyncio.run_coroutine_threadsafe(following(), self._loop).result()) is not None:
            yield part

    async def stream(self, sha256: str) -> AsyncIterator[bytes]:
        its = select(CONTENTS.c.content_id).where(CONTENTS.c.sha256 == sha256)
        async with self._reader.connect() as connection:
            content_id = (await connection.execute(its)).scalar_one_or_none()
        if content_id is None:
            raise ContentMissing(sha256)
        number = 0
        while True:  # a connection for each part: whoever reads slowly keeps none
            query = select(CONTENT_PARTS.c.octets).where(
                CONTENT_PARTS.c.content_id == content_id, CONTENT_PARTS.c.part == number
            )
            async with self._reader.connect() as connection:
                part: bytes | None = (await connection.execute(query)).scalar_one_or_none()
            if part is None:
                return
            yield part
            number += 1

    async def read(self, sha256: str) -> bytes:
        return b"".join([part async for part in self.stream(sha256)])

    async def recover(self) -> None:
        row = _DROP_CUT_OFF.row({"content_id": self._content_id(_CUT_OFF_MS)})
        await self._writer.write([Op(_DROP_CUT_OFF, [row])])

    async def open_questions(self) -> Sequence[str]:
        query = select(CONTENTS.c.sha256).where(CONTENTS.c.taken_until_ms < clock_ms()).limit(_QUESTIONS)
        async with self._reader.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def doom(self, sha256: str) -> bool:
        query = select(CONTENTS.c.sha256).where(CONTENTS.c.sha256 == sha256, CONTENTS.c.taken_until_ms >= clock_ms())
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is None

    async def remove(self, sha256: str) -> bool:
        [removed] = await self._writer.write([Op(_REMOVE, [_REMOVE.row({"sha256": sha256})], fetch=True)])
        for (content_id,) in removed:
            await self._writer.write([Op(_DROP_PARTS, [_DROP_PARTS.row({"content_id": content_id})])])
        query = select(CONTENTS.c.sha256).where(CONTENTS.c.sha256 == sha256)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is None

    async def absolve(self, sha256: str) -> bool:
        await self._writer.write([Op(_ABSOLVE, [_ABSOLVE.row({"sha256": sha256})])])
        return await self.doom(sha256)

    def _content_id(self, before_ms: int) -> str:
        """Ids of contents sort by the time at which their writing began."""
        return f"{max(self._clock.now_ms() - before_ms, 0):015d}-{self._entropy.bits(80):020x}"


class _Incoming:
    """``ports.blobs.Incoming``."""

    def __init__(self, writer: Writer, content_id: str, max_bytes: int) -> None:
        self._writer = writer
        self._content_id = content_id
        self._max_bytes = max_bytes
        self._waiting = bytearray()
        self._digest = sha256()
        self._size = 0
        self._parts = 0
        self._kept: str | None = None
        self._settled = False

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise ContentTooLarge(self._max_bytes)
        self._waiting += chunk
        while len(self._waiting) >= _PART_BYTES:
            await self._write_part()

    async def keep(self) -> Blob:
        if self._waiting:
            await self._write_part()
        digest = self._digest.hexdigest()
        named = {"sha256": digest, "content_id": self._content_id, "taken_until_ms": None}
        await self._writer.write(
            [
                Op(_NAME, [_NAME.row(named)]),
                Op(_TAKE, [_TAKE.row({"sha256": digest, "taken_ms": _TAKEN_MS})]),
                Op(_DROP_UNNAMED, [_DROP_UNNAMED.row({"content_id": self._content_id})]),
            ]
        )
        self._kept = digest
        return Blob(digest, self._size)

    def settle(self) -> None:
        self._settled = True

    async def end(self) -> None:
        """Remove what was not kept; what cannot be told now is found by the next sweep or start."""
        with suppress(StoreUnavailable):
            if self._kept is None:
                await self._writer.write([Op(_DROP_UNNAMED, [_DROP_UNNAMED.row({"content_id": self._content_id})])])
            elif self._settled:
                await self._writer.write([Op(_SETTLE, [_SETTLE.row({"sha256": self._kept})])])

    async def _write_part(self) -> None:
        part = bytes(self._waiting[:_PART_BYTES])
        del self._waiting[:_PART_BYTES]
        self._digest.update(part)
        row = {"content_id": self._content_id, "part": self._parts, "octets": part}
        await self._writer.write([Op(_WRITE, [_WRITE.row(row)])])
        self._parts += 1
