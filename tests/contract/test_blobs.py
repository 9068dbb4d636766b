"""What whoever keeps files relies on (``ports.blobs.Blobs``): a directory, and a database that nodes share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.blobs.directory import DirectoryBlobs
from app.domain.errors import StoreUnavailable
from app.ports.blobs import Blobs, ContentMissing, ContentTooLarge
from app.ports.files import FileRow
from app.storage.database import Database
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.postgres import server

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 10_000  # some parts, the last of them not full


@pytest.fixture
def url() -> Iterator[str]:
    with server().database() as url:
        yield url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with open_database(url) as opened:
        yield opened


async def ask(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def of(database: Database) -> Blobs:
    assert database.blobs is not None
    return database.blobs(SystemClock(), SystemEntropy())


@pytest.fixture(params=["directory", "database"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Blobs]:
    if request.param == "directory":
        yield DirectoryBlobs(tmp_path / "blobs")
        return
    with server().database() as url:
        async with open_database(url) as opened:
            yield of(opened)


async def put(blobs: Blobs, content: bytes, *, settle: bool = True) -> str:
    async with blobs.receive(10_000_000) as incoming:
        for start in range(0, len(content), 700_000):
            await incoming.write(content[start : start + 700_000])
        blob = await incoming.keep()
        assert (blob.sha256, blob.size_bytes) == (sha256(content).hexdigest(), len(content))
        if settle:
            incoming.settle()
    return blob.sha256


@pytest.mark.parametrize("content", [b"", b"abc", LARGE], ids=["nothing", "little", "much"])
async def test_a_content_is_read_as_it_was_written(blobs: Blobs, content: bytes) -> None:
    digest = await put(blobs, content)

    assert await blobs.read(digest) == content
    assert b"".join([part async for part in blobs.stream(digest)]) == content
    assert await asyncio.to_thread(lambda: b"".join(blobs.chunks(digest))) == content


async def test_the_same_content_may_be_written_by_many_at_once(blobs: Blobs) -> None:
    digests = await asyncio.gather(*(put(blobs, LARGE) for _ in range(5)))

    assert len(set(digests)) == 1
    assert await blobs.read(digests[0]) == LARGE


async def test_what_was_not_kept_or_is_too_large_is_not_there(blobs: Blobs) -> None:
    async with blobs.receive(10_000_000) as incoming:
        await incoming.write(LARGE)
    async with blobs.receive(len(LARGE) - 1) as incoming:
        with pytest.raises(ContentTooLarge):
            await incoming.write(LARGE)

    with pytest.raises(ContentMissing):
        await blobs.read(sha256(LARGE).hexdigest())
    with pytest.raises(ContentMissing):
        await asyncio.to_thread(lambda: list(blobs.chunks(sha256(LARGE).hexdigest())))


async def test_a_content_to_which_nothing_refers_is_removed(blobs: Blobs) -> None:
    digest, kept = await put(blobs, LARGE), await put(blobs, b"abc")

    assert await blobs.doom(digest)
    assert await blobs.remove(digest)
    assert await blobs.absolve(digest)

    with pytest.raises(ContentMissing):
        await blobs.read(digest)
    assert await blobs.read(kept) == b"abc"
    assert await put(blobs, LARGE) == digest
    assert await blobs.read(digest) == LARGE


async def test_a_content_that_is_being_taken_stays(blobs: Blobs) -> None:
    digest = await put(blobs, LARGE)
    assert await blobs.doom(digest)

    async with blobs.receive(10_000_000) as incoming:
        await incoming.write(LARGE)
        await incoming.keep()
        assert not await blobs.doom(digest)
        assert not await blobs.remove(digest)
        incoming.settle()

    assert await blobs.read(digest) == LARGE


async def test_another_node_reads_it_and_a_reference_keeps_it_whoever_asks(database: Database) -> None:
    here, there = of(database), of(database)
    digest = await put(here, LARGE)
    file = FileRow(
        file_id="fil_01MCC5RM0G000000000000000G",
        tenant_id="default",
        name="a",
        media_type="text/plain",
        size_bytes=len(LARGE),
        sha256=digest,
        created_at_ms=1,
        once=None,
    )
    await database.files.add(file, 10**9)

    assert await there.read(digest) == LARGE
    # It asked before the file was there, and would remove it now.
    assert not await there.remove(digest)
    assert await here.read(digest) == LARGE
    assert await database.files.delete("default", file.file_id)
    assert await there.remove(digest)


async def test_a_content_that_was_given_up_is_an_open_question_at_once(blobs: Blobs) -> None:
    await put(blobs, b"abc")
    digest = await put(blobs, LARGE, settle=False)

    assert await blobs.open_questions() == [digest]
    assert await blobs.doom(digest)
    assert await blobs.remove(digest)
    assert await blobs.absolve(digest)
    assert await blobs.open_questions() == []


async def test_a_content_that_two_take_stays_when_the_first_of_them_is_done(database: Database) -> None:
    here, there = of(database), of(database)
    async with there.receive(10_000_000) as incoming:
        await incoming.write(LARGE)
        async with here.receive(10_000_000) as before:
            await before.write(LARGE)
            await before.keep()
            digest = (await incoming.keep()).sha256
            before.settle()

        assert not await here.doom(digest)
        assert not await here.remove(digest)
        incoming.settle()

    assert await here.read(digest) == LARGE


async def contents_of(url: str) -> dict[str, int]:
    """The parts of each content by its name; none are without a content."""
    named = await ask(url, "SELECT sha256, content_id FROM contents")
    parts = dict(await ask(url, "SELECT content_id, count(*) FROM content_parts GROUP BY content_id"))
    found = {name: parts.pop(content_id, 0) for name, content_id in named}
    assert parts == {}
    return found


async def test_a_writing_that_is_cancelled_anywhere_leaves_only_whole_contents(url: str, database: Database) -> None:
    blobs = of(database)
    for number in range(15):
        writing = asyncio.create_task(put(blobs, bytes([number]) + LARGE))
        await asyncio.sleep(number * 0.002)
        writing.cancel()
        await asyncio.wait([writing])

        found = await contents_of(url)
        assert {len(name) for name in found} <= {64}
        assert set(found.values()) <= {3}


async def test_a_content_is_whole_though_its_writer_was_cancelled_while_it_was_kept(
    url: str, database: Database
) -> None:
    digest = sha256(LARGE).hexdigest()
    other = await asyncpg.connect(url)
    async with asyncio.timeout(20):
        writes_the_same = other.transaction()
        await writes_the_same.start()
        await other.execute("INSERT INTO contents VALUES ($1, 'x', NULL)", digest)
        writing = asyncio.create_task(put(of(database), LARGE))
        while not await ask(url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        writing.cancel()
        await asyncio.wait([writing], timeout=0.5)  # what it leaves is no matter of order
        await writes_the_same.rollback()
        await asyncio.wait([writing])
    await other.close()

    assert await contents_of(url) == {digest: 3}
    assert await of(database).read(digest) == LARGE


async def test_a_writing_that_stood_still_for_too_long_is_removed_and_its_writer_is_told(
    url: str, database: Database
) -> None:
    here, there = of(database), of(database)
    async with here.receive(100_000_000) as incoming:
        await incoming.write(LARGE)
        assert await there.open_questions() == []
        await ask(url, "UPDATE contents SET taken_until_ms = taken_until_ms - 3600000")
        [cut_off] = await there.open_questions()
        assert await there.doom(cut_off)
        assert await there.remove(cut_off)
        assert await there.absolve(cut_off)
        assert await contents_of(url) == {}

        with pytest.raises(StoreUnavailable, match="send it again"):
            await incoming.write(LARGE)
        with pytest.raises(StoreUnavailable, match="send it again"):
            await incoming.keep()

    assert await contents_of(url) == {}
