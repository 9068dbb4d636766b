"""What tasks keep between runs of code goes with their swarm, in the service as it is put together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.tools.sandbox.swarm_folders import SwarmFolders
from tests.support.sandboxes import need_sandbox
from tests.support.service import in_process
from tests.support.sharing import context, ended_swarm, services_of

pytestmark = pytest.mark.anyio


async def until_only(folders: SwarmFolders, swarms: list[str]) -> None:
    """Wait for the sweep, which comes soon after a swarm is deleted and after the start."""
    async with asyncio.timeout(20):
        while await asyncio.to_thread(folders.swarms) != swarms:
            await asyncio.sleep(0.01)


async def test_files_of_a_deleted_swarm_go_and_those_that_a_crash_left(tmp_path: Path) -> None:
    need_sandbox()
    folders = SwarmFolders(tmp_path / "sandbox")
    async with in_process(tmp_path) as client:
        staying = (await ended_swarm(client, "t0"))["swarm_id"]
        going = (await ended_swarm(client, "t0"))["swarm_id"]
        tool = services_of(client).tools.find("code_interpreter")
        assert tool is not None
        for swarm_id in (staying, going):
            await tool.run(context(swarm_id), {"code": "open('a', 'w').write('1')"})
        assert sorted(folders.swarms()) == sorted([staying, going])

        assert (await client.delete(f"/v1/swarms/{going}")).status_code == 204

        await until_only(folders, [staying])

    folders.path_of("swm_of_which_the_store_knows_nothing").mkdir()
    async with in_process(tmp_path) as client:
        await until_only(folders, [staying])
        tool = services_of(client).tools.find("code_interpreter")
        assert tool is not None
        told = await tool.run(context(staying, run_key="call 2"), {"code": "open('a').read()"})
    assert told.content == "'1'"
