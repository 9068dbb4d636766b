"""Uploads on their way to a model: as data while a call is made, never more of them in memory than there is room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.blobs.directory import DirectoryBlobs
from app.ports.files import FileRow
from app.ports.pictures import PictureUnavailable
from app.services.pictures import PictureService
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.pictures import PNG, data_uri, image, text, video

pytestmark = pytest.mark.anyio

FILE = "fil_01M7ZY1PS3VMPZ40MXQWBMXTT9"
ONE = [{"role": "user", "content": [text("Look."), image(FILE, detail="low")]}]


@asynccontextmanager
async def pictures(folder: Path, max_call_bytes: int) -> AsyncIterator[PictureService]:
    """With one uploaded image of the tenant ``acme``."""
    blobs = DirectoryBlobs(folder / "blobs")
    async with open_database(place_database(folder / "x.db")) as store:
        async with blobs.receive(1_000_000) as incoming:
            await incoming.write(PNG)
            await incoming.keep()
            row = FileRow(
                file_id=FILE,
                tenant_id="acme",
                name="a.png",
                media_type="text/plain",
                size_bytes=len(PNG),
                sha256=sha256(PNG).hexdigest(),
                created_at_ms=1,
            )
            await store.files.add(row, 10**9)
            incoming.settle()
        yield PictureService(store.files, blobs, max_call_bytes)


async def test_an_upload_is_data_of_its_own_type_and_the_task_keeps_its_id(tmp_path: Path) -> None:
    async with pictures(tmp_path, 1_000) as service, service.sendable("acme", ONE) as messages:
        assert messages == [{"role": "user", "content": [text("Look."), image(data_uri(PNG), detail="low")]}]
    assert ONE[0]["content"][1] == image(FILE, detail="low")


async def test_messages_without_uploads_are_the_same_object(tmp_path: Path) -> None:
    plain: list[dict[str, Any]] = [{"role": "user", "content": "words"}, {"role": "assistant", "content": None}]
    async with pictures(tmp_path, 1_000) as service, service.sendable("acme", plain) as messages:
        assert messages is plain


@pytest.mark.parametrize(
    ("tenant", "parts", "said"),
    [
        ("other", [image(FILE)], "deleted"),
        ("acme", [image("fil_gone")], "deleted"),
        ("acme", [video(FILE)], "image/png"),
        ("acme", [image(FILE)] * 16, "at most 1,000"),
    ],
)
async def test_what_cannot_be_sent_is_told_in_words(
    tmp_path: Path, tenant: str, parts: list[dict[str, Any]], said: str
) -> None:
    async with pictures(tmp_path, 1_000) as service:
        with pytest.raises(PictureUnavailable, match=said):
            async with service.sendable(tenant, [{"role": "user", "content": parts}]):
                pytest.fail("was sent")


async def test_calls_wait_for_room_and_one_that_gives_up_leaves_it_to_others(tmp_path: Path) -> None:
    """There is room for four calls that are sent as much as they may be."""
    entered = 0
    leave = asyncio.Event()

    async def call(service: PictureService) -> None:
        nonlocal entered
        async with service.sendable("acme", ONE):
            entered += 1
            await leave.wait()

    async with pictures(tmp_path, len(PNG)) as service, asyncio.timeout(20):
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(call(service)) for _ in range(12)]
            while entered < 4 or len(service._room._waiting) < 8:
                await asyncio.sleep(0.001)
            assert entered == 4
            waiting = [one for one in calls if not one.done()][-1]
            waiting.cancel()
            leave.set()
        assert entered >= 11
        assert service._room._used == 0
