"""The sweep: what nothing refers to goes, what something refers to stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.blobs.directory import DirectoryBlobs
from app.services.files import FileService
from app.services.sweeping import Sweeper
from app.storage.database import Database
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import place_database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        yield database


@pytest.fixture
def blobs(tmp_path: Path) -> DirectoryBlobs:
    return DirectoryBlobs(tmp_path / "x.blobs")


@pytest.fixture
def files(database: Database, blobs: DirectoryBlobs) -> FileService:
    return FileService(database.files, blobs, SystemClock(), SystemEntropy(), max_bytes=1000, max_total_bytes=10_000)


async def of(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def upload(files: FileService, content: bytes, tenant: str = "acme") -> tuple[str, str]:
    row, _ = await files.upload(tenant, "x.txt", None, of(content), None)
    return row.file_id, row.sha256


async def test_a_content_goes_with_the_last_file_that_has_it(
    database: Database, blobs: DirectoryBlobs, files: FileService
) -> None:
    sweeper = Sweeper(database.contents, blobs)
    first, same = await upload(files, b"same")
    second, _ = await upload(files, b"same", tenant="other")
    _, other = await upload(files, b"other")

    await files.delete("acme", first)
    await sweeper.sweep()
    assert blobs.path_of(same).exists()
    await files.delete("other", second)
    await sweeper.sweep()

    assert not blobs.path_of(same).exists()
    assert blobs.path_of(other).exists()
    assert await database.contents.possibly_unused(5) == []


async def test_what_was_stored_on_the_disk_and_not_in_the_store_goes(
    database: Database, blobs: DirectoryBlobs, files: FileService
) -> None:
    _, kept = await upload(files, b"kept")
    digests = []
    for content in (b"nobody's", b"kept"):
        async with blobs.receive(100) as incoming:
            await incoming.write(content)
            digests.append((await incoming.keep()).sha256)
    assert sorted(await blobs.open_questions()) == sorted(digests)

    await Sweeper(database.contents, blobs).sweep()

    assert await blobs.open_questions() == []
    assert not blobs.path_of(digests[0]).exists()
    assert blobs.path_of(kept).exists()


async def test_what_is_taken_at_that_moment_is_asked_again_later(
    database: Database, blobs: DirectoryBlobs, files: FileService
) -> None:
    sweeper = Sweeper(database.contents, blobs)
    file_id, digest = await upload(files, b"same")
    await files.delete("acme", file_id)
    async with blobs.receive(100) as incoming:
        await incoming.write(b"same")
        await incoming.keep()
        await sweeper.sweep()
        assert blobs.path_of(digest).exists()

    await sweeper.sweep()

    assert not blobs.path_of(digest).exists()


async def test_the_sweep_runs_at_the_start_and_when_woken(
    database: Database, blobs: DirectoryBlobs, files: FileService, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = asyncio.Event()
    sweeper = Sweeper(database.contents, blobs)
    sweep = sweeper.sweep

    async def watched() -> None:
        await sweep()
        swept.set()

    monkeypatch.setattr(sweeper, "sweep", watched)
    file_id, digest = await upload(files, b"x")
    async with sweeper.running():
        await asyncio.wait_for(swept.wait(), 10)
        await files.delete("acme", file_id)
        swept.clear()
        sweeper.wake()
        await asyncio.wait_for(swept.wait(), 10)

    assert not blobs.path_of(digest).exists()
