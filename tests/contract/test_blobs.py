"""What whoever keeps files relies on (``ports.blobs.Blobs``): a directory, and a database that nodes share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from app.blobs.directory import DirectoryBlobs
from app.ports.blobs import Blobs, ContentMissing, ContentTooLarge
from app.ports.files import FileRow
from app.storage.database import Database
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.postgres import server

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 10_000  # some parts, the last of them not full


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    with server().database() as url:
        async with open_database(url) as opened:
            yield opened


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
