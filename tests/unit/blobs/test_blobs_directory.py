"""Contents on the disk: whole and durable or not there, and removed only while nobody takes them."""

from __future__ import annotations

import asyncio
import errno
import os
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.blobs.directory import DirectoryBlobs
from app.domain.errors import StoreUnavailable
from app.ports.blobs import Blob, ContentMissing, ContentTooLarge

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "x.blobs"


@pytest.fixture
def blobs(root: Path) -> DirectoryBlobs:
    return DirectoryBlobs(root)


async def keep(blobs: DirectoryBlobs, *chunks: bytes, settle: bool = True) -> Blob:
    async with blobs.receive(10 * MIB) as incoming:
        for chunk in chunks:
            await incoming.write(chunk)
        blob = await incoming.keep()
        if settle:
            incoming.settle()
    return blob


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_a_content_is_kept_under_its_sha256(blobs: DirectoryBlobs, root: Path) -> None:
    assert await keep(blobs, b"a", b"bc") == Blob(ABC, 3)

    assert files(root) == [f"ba/{ABC}"]
    assert await blobs.read(ABC) == b"abc"
    assert (root / "ba" / ABC).stat().st_mode & 0o777 == 0o600


async def test_the_same_content_is_kept_once_and_the_empty_one_too(blobs: DirectoryBlobs, root: Path) -> None:
    same = await asyncio.gather(*(keep(blobs, b"abc") for _ in range(20)))
    empty = await keep(blobs)

    assert same == [Blob(ABC, 3)] * 20
    assert (empty.sha256, empty.size_bytes) == (sha256(b"").hexdigest(), 0)
    assert len(files(root)) == 2
    assert await blobs.read(empty.sha256) == b""


async def test_large_contents_pass_in_chunks(blobs: DirectoryBlobs, root: Path) -> None:
    chunk = os.urandom(64 * 1024)
    tracemalloc.start()
    blob = await keep(blobs, *[chunk] * 150)
    got = sha256()
    async for part in blobs.stream(blob.sha256):
        assert len(part) <= MIB
        got.update(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert got.hexdigest() == blob.sha256 == sha256(chunk * 150).hexdigest()
    assert peak < 6 * MIB  # of 9.4


async def test_above_the_cap_nothing_is_kept(blobs: DirectoryBlobs, root: Path) -> None:
    async with blobs.receive(3) as incoming:
        await incoming.write(b"abc")
        with pytest.raises(ContentTooLarge, match="3 bytes"):
            await incoming.write(b"d")

    assert files(root) == [] or not root.exists()


async def test_of_an_aborted_content_nothing_is_left(blobs: DirectoryBlobs, root: Path) -> None:
    async def write() -> None:
        async with blobs.receive(10 * MIB) as incoming:
            await incoming.write(b"x" * 2 * MIB)
            assert len(files(root)) == 1
            raise RuntimeError("the client is gone")

    with pytest.raises(RuntimeError):
        await write()

    assert files(root) == []


async def test_of_a_cancelled_content_nothing_is_left(blobs: DirectoryBlobs, root: Path) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with blobs.receive(100 * MIB) as incoming:
            while True:
                await incoming.write(b"x" * MIB)
                begun.set()

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert files(root) == []


async def test_a_disk_that_is_full_is_an_error_of_ours_and_leaves_nothing(
    blobs: DirectoryBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await keep(blobs, b"abc")

    assert files(root) == []


async def test_what_a_crash_cut_off_goes_at_the_next_start_and_what_it_left_open_is_asked(
    blobs: DirectoryBlobs, root: Path
) -> None:
    await keep(blobs, b"abc", settle=False)  # as if the service had ended before the store heard of it
    (root / "incoming" / "1.part").write_bytes(b"half of it")
    after_crash = DirectoryBlobs(root)

    await after_crash.recover()

    assert await after_crash.open_questions() == [ABC]
    assert [name for name in files(root) if name.endswith(".part")] == []
    assert await after_crash.doom(ABC)
    assert await after_crash.remove(ABC)
    assert await after_crash.absolve(ABC)
    assert await after_crash.open_questions() == files(root) == []


async def test_what_is_being_taken_is_not_removed(blobs: DirectoryBlobs) -> None:
    await keep(blobs, b"abc")
    assert await blobs.doom(ABC)  # the sweep asks the store, and meanwhile …
    async with blobs.receive(MIB) as incoming:
        await incoming.write(b"abc")
        await incoming.keep()
        assert not await blobs.doom(ABC)
        assert not await blobs.remove(ABC)
        assert await blobs.open_questions() == []
        incoming.settle()
    assert not await blobs.remove(ABC)
    assert not await blobs.absolve(ABC)

    assert await blobs.read(ABC) == b"abc"


async def test_a_content_that_is_gone_is_an_error_that_names_no_path(blobs: DirectoryBlobs, root: Path) -> None:
    for read in (blobs.read(ABC), anext(blobs.stream(ABC))):
        with pytest.raises(ContentMissing) as caught:
            await read
        assert str(root) not in caught.value.detail


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", "/" * 64])
async def test_nothing_but_a_digest_names_a_file(blobs: DirectoryBlobs, digest: str) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        await blobs.read(digest)
