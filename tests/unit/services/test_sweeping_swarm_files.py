"""What tasks left outside the store goes with their swarm, also where a crash came between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.blobs.directory import DirectoryBlobs
from app.services.sweeping import Sweeper
from app.storage.database import Database
from app.storage.engine import open_database
from app.tools.sandbox.swarm_folders import SwarmFolders
from tests.support.databases import place_database
from tests.support.kept_files import kept, put_for
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        yield database


async def test_files_of_swarms_that_are_gone_go_and_the_others_stay(database: Database, tmp_path: Path) -> None:
    swarm = new_swarm({"a": []})
    here = swarm.state.swarm_id
    await database.swarms.create(swarm)
    gone = [f"swm_gone{number}" for number in range(1200)]  # more than one question to the store
    for swarm_id in (here, *gone):
        put_for(tmp_path, swarm_id, {"f": b"1"})
    (tmp_path / "files" / "no folder of a swarm").touch()
    folders = SwarmFolders(tmp_path / "files")
    sweeper = Sweeper(database.contents, DirectoryBlobs(tmp_path / "x.blobs"), swarm_files=[folders])

    await sweeper.sweep()
    await sweeper.sweep()

    assert folders.swarms() == [here]
    assert kept(tmp_path, "a", here) == {"f": b"1"}
    assert (tmp_path / "files" / "no folder of a swarm").exists()


async def test_where_no_task_ever_kept_a_file_there_is_nothing_to_do(database: Database, tmp_path: Path) -> None:
    folders = SwarmFolders(tmp_path / "files")

    await Sweeper(database.contents, DirectoryBlobs(tmp_path / "x.blobs"), swarm_files=[folders]).sweep()

    assert not (tmp_path / "files").exists()
