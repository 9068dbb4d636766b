"""What tools and requests find among a tenant's uploads (``ports.files.Uploads``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.blobs.directory import DirectoryBlobs
from app.domain.errors import InvalidRequest
from app.services.files import FileService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.databases import place_database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[FileService]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        blobs = DirectoryBlobs(tmp_path / "x.blobs")
        yield FileService(database.files, blobs, SystemClock(), SystemEntropy(), max_bytes=10**6, max_total_bytes=10**7)


async def upload(uploads: FileService, name: str, content: bytes = b"x", *, tenant: str = "acme") -> str:
    async def body() -> AsyncIterator[bytes]:
        yield content

    row, _ = await uploads.upload(tenant, name, None, body(), None)
    return row.file_id


async def test_a_file_is_found_by_id_and_the_newest_of_a_name(uploads: FileService) -> None:
    old, new = await upload(uploads, "a.md", b"old"), await upload(uploads, "a.md", b"new")

    found = [await uploads.find("acme", wanted) for wanted in (old, "a.md")]
    assert [row.file_id for row in found if row] == [old, new]
    assert await uploads.read("acme", "a.md", 10) == b"new"
    for tenant, wanted in (("other", old), ("other", "a.md"), ("acme", "b.md"), ("acme", "fil_" + "0" * 26)):
        assert await uploads.find(tenant, wanted) is None


async def test_patterns_match_names_once_each_and_nobody_elses(uploads: FileService) -> None:
    for name in ("b.pdf", "a.pdf", "q3/a.pdf", "b.pdf", "a.txt"):
        await upload(uploads, name)
    await upload(uploads, "theirs.pdf", tenant="other")

    async def names(pattern: str, limit: int = 10) -> list[str]:
        return [row.name for row in await uploads.matching("acme", pattern, limit)]

    assert await names("*.pdf") == await names("**/*.pdf") == ["a.pdf", "b.pdf", "q3/a.pdf"]
    assert await names("?.txt") == ["a.txt"]
    assert await names("*.docx") == []
    assert len(await names("*", 2)) == 2


async def test_a_name_like_an_id_is_refused(uploads: FileService) -> None:
    with pytest.raises(InvalidRequest, match="begins with fil_"):
        await upload(uploads, "fil_x")
