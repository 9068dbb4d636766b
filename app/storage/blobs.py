"""Contents of files in the database (``ports.blobs.Blobs``), where several nodes share it.

Each node reads what any wrote, and a backup of the database has it all.

A content is written in parts, and first stands in the place of its SHA-256 under an id of its own, so that what a crash
cuts off is found among the contents to which nothing refers. Once whole it gets its name; where another has that
already, the new parts go. It stays taken for ten minutes, within which the store refers to it. Removing asks for
references in the very statement that removes, so nothing that another node does meanwhile can come between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

from sqlalchemy import func, insert, null, or_, select, update

from app.domain.errors import StoreUnavailable, SwarmdError
from app.ports.blobs import Blob, ContentMissing, ContentTooLarge
from app.ports.clock import Clock, Entropy
from app.storage.blob_tables import CONTENT_PARTS, CONTENTS
from app.storage.dialect import Op, UnexpectedRowCount, compile_statement, upsert
from app.storage.dialect.expressions import clock_ms, greatest
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.shared_tables import ARTIFACTS, FILES
from app.storage.writer import Writer

_PART_BYTES = 1024 * 1024
_TAKEN_MS = 600_000
_WRITTEN_MS = 3_600_000
"""Within so long the next part comes; later the writing counts as cut off."""

_QUESTIONS = 1000
_CUT_OFF_MS = 86_400_000
"""Parts that are so old and belong to no content are what a crash of an earlier version left."""

_LONG_AGO = 0
"""A content that is taken until then is an open question at once."""

_IT = CONTENTS.c.sha256 == param("sha256")
_IS_FREE = or_(CONTENTS.c.taken_until_ms.is_(None), CONTENTS.c.taken_until_ms < clock_ms())
_REFERRED = or_(
    *[select(table.c.sha256).where(table.c.sha256 == CONTENTS.c.sha256).exists() for table in (FILES, ARTIFACTS)]
)
_ORPHANED = CONTENT_PARTS.c.content_id.not_in(select(CONTENTS.c.content_id))

_WRITE = compile_statement(insert(CONTENT_PARTS))
_NAME = compile_statement(upsert(CONTENTS, ("sha256",)), locked=("sha256",))
_TAKER = compile_statement(select(CONTENTS.c.taken_until_ms).where(_IT, ~_IS_FREE))
_TAKE = compile_statement(
    update(CONTENTS)
    .where(_IT)
    .values(taken_until_ms=greatest(clock_ms() + param("taken_ms"), func.coalesce(CONTENTS.c.taken_until_ms, 0) + 1))
    .returning(CONTENTS.c.taken_until_ms)
)
_WRITE_ON = compile_statement(
    update(CONTENTS).where(_IT).values(taken_until_ms=clock_ms() + param("taken_ms")), locked=("sha256",)
)
_END = compile_statement(CONTENTS.delete().where(_IT), locked=("sha256",))
_DROP_PARTS = compile_statement(CONTENT_PARTS.delete().where(CONTENT_PARTS.c.content_id == param("content_id")))
_DROP_DOUBLE = compile_statement(
    CONTENT_PARTS.delete().where(
        CONTENT_PARTS.c.content_id == param("content_id"),
        ~select(CONTENTS.c.sha256).where(_IT, CONTENTS.c.content_id == param("content_id")).exists(),
    )
)
_GIVE_BACK = compile_statement(
    update(CONTENTS)
    .where(_IT, CONTENTS.c.taken_until_ms == param("mine"))
    .values(taken_until_ms=param("taken_until_ms"))
)
_ABSOLVE = compile_statement(update(CONTENTS).where(_IT, _IS_FREE).values(taken_until_ms=null()))
_UNNAME = compile_statement(
    update(CONTENTS)
    .where(_IT, _IS_FREE, ~_REFERRED)
    .values(sha256=CONTENTS.c.content_id, taken_until_ms=_LONG_AGO)
    .returning(CONTENTS.c.content_id),
    locked=("sha256",),
)
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
        is_known = False
        try:
            yield incoming
            is_known = True
        except SwarmdError as exc:
            is_known = not isinstance(exc, StoreUnavailable)
            raise
        finally:
            ending = asyncio.ensure_future(incoming.end(is_known=is_known))
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
        [removed] = await self._writer.write([Op(_UNNAME, [_UNNAME.row({"sha256": sha256})], fetch=True)])
        for (content_id,) in removed:  # after a crash in between it is an open question under its id
            await _drop(self._writer, content_id)
        query = select(CONTENTS.c.sha256).where(CONTENTS.c.sha256 == sha256)
        async with self._reader.connect() as connection:
            return (await connection.execute(query)).first() is None

    async def absolve(self, sha256: str) -> bool:
        await self._writer.write([Op(_ABSOLVE, [_ABSOLVE.row({"sha256": sha256})])])
        return await self.doom(sha256)

    def _content_id(self, before_ms: int) -> str:
        """Ids of contents sort by the time at which their writing began."""
        return f"{max(self._clock.now_ms() - before_ms, 0):015d}-{self._entropy.bits(80):020x}"


async def _drop(writer: Writer, content_id: str) -> None:
    """Remove a content that has no name yet or any more; one that has got one meanwhile stays."""
    with suppress(UnexpectedRowCount):
        await writer.write(
            [
                Op(_END, [_END.row({"sha256": content_id})], expect=1),
                Op(_DROP_PARTS, [_DROP_PARTS.row({"content_id": content_id})]),
            ]
        )


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
        self._mine: int | None = None  # until when it is taken, if nobody else has it taken
        self._settled = False
        self._writing: asyncio.Future[list[Any]] | None = None

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise ContentTooLarge(self._max_bytes)
        self._waiting += chunk
        while len(self._waiting) >= _PART_BYTES:
            is_first = self._parts == 0
            named = {"sha256": self._content_id, "content_id": self._content_id, "taken_until_ms": None}
            go_on = {"sha256": self._content_id, "taken_ms": _WRITTEN_MS}
            await self._write(
                [
                    *([Op(_NAME, [_NAME.row(named)])] if is_first else []),
                    Op(_WRITE_ON, [_WRITE_ON.row(go_on)], expect=1),
                    self._next_part(),
                ]
            )

    async def keep(self) -> Blob:
        # What fits into one part stands nowhere before.
        begun = [Op(_END, [_END.row({"sha256": self._content_id})], expect=1)] if self._parts else []
        last = [self._next_part()] if self._waiting else []
        digest = self._digest.hexdigest()
        it = {"sha256": digest, "content_id": self._content_id, "taken_until_ms": None, "taken_ms": _TAKEN_MS}
        *_, takers, taken, _ = await self._write(
            [
                *begun,
                *last,
                Op(_NAME, [_NAME.row(it)]),
                Op(_TAKER, [_TAKER.row(it)], fetch=True),
                Op(_TAKE, [_TAKE.row(it)], fetch=True),
                Op(_DROP_DOUBLE, [_DROP_DOUBLE.row(it)]),
            ]
        )
        self._kept = digest
        [[until_ms]] = taken
        self._mine = None if takers else until_ms
        return Blob(digest, self._size)

    def settle(self) -> None:
        self._settled = True

    async def end(self, *, is_known: bool) -> None:
        """Remove what was not kept; what cannot be told now is found by a later sweep.

        Args:
            is_known: the store refers to the content if it was settled, and else it never will.
        """
        if self._writing is not None:  # a caller that was cancelled has left it under way
            await asyncio.gather(self._writing, return_exceptions=True)
        with suppress(StoreUnavailable):
            if self._kept is None:
                if self._parts:
                    await _drop(self._writer, self._content_id)
            elif self._mine is not None and (self._settled or is_known):
                until_ms = None if self._settled else _LONG_AGO
                row = _GIVE_BACK.row({"sha256": self._kept, "mine": self._mine, "taken_until_ms": until_ms})
                await self._writer.write([Op(_GIVE_BACK, [row])])

    def _next_part(self) -> Op:
        part = bytes(self._waiting[:_PART_BYTES])
        del self._waiting[:_PART_BYTES]
        self._digest.update(part)
        self._parts += 1
        row = {"content_id": self._content_id, "part": self._parts - 1, "octets": part}
        return Op(_WRITE, [_WRITE.row(row)])

    async def _write(self, ops: list[Op]) -> list[Any]:
        """The writer has several connections, so what a cancelled caller left must be done before the next begins."""
        self._writing = asyncio.ensure_future(self._writer.write(ops))
        try:
            return await asyncio.shield(self._writing)
        except UnexpectedRowCount as exc:
            raise StoreUnavailable(
                "of the content no part came for too long, and it was removed: send it again"
            ) from exc
