"""Tools of real MCP servers, over stdio and streamable HTTP: they are listed, called, cancelled, and come back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from app.outputs.json_schema import JsonSchemas
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.servers import McpServers
from tests.support.mcp_driving import QUICK, ROOT, alive, call, found, http_server, program, served, stdio, until, works

pytest.importorskip("mcp", reason="pip install 'swarmd[mcp]'")
pytestmark = pytest.mark.anyio

NAMES = {"add", "fail", "wait", "block", "crash", "flood", "babble", "environment", "process_ids", "parts", "grow"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.touch()
    return path


@pytest.fixture(params=["stdio", "http"])
async def tools(request: pytest.FixtureRequest, journal: Path) -> AsyncIterator[McpServers]:
    """The servers of one transport each; ``s_add`` and so on are their tools."""
    if request.param == "stdio":
        async with McpServers([stdio(journal)], JsonSchemas(), start_wait_s=20, pace=QUICK).running() as running:
            yield running
        return
    async with http_server(journal) as url:
        configured = McpServerConfig(name="s", url=url, timeout_s=20)
        async with McpServers([configured], JsonSchemas(), start_wait_s=20, pace=QUICK).running() as running:
            yield running


async def test_its_tools_are_listed_with_what_they_take(tools: McpServers) -> None:
    add = found(tools, "add").spec

    assert {tool.spec.name for tool in tools.all()} == {f"s_{name}" for name in NAMES}
    assert add.description == "Add two numbers."
    assert set(add.parameters["properties"]) == {"a", "b"}
    assert add.parameters["required"] == ["a", "b"]


async def test_a_call_gives_its_result_and_an_error_is_one(tools: McpServers) -> None:
    added = await call(tools, "add", a=2, b=40)
    failed = await call(tools, "fail", why="no paper")

    assert (added.content, added.is_error) == ("42", False)
    assert failed.is_error
    assert "fail" in failed.content


async def test_many_calls_at_once_each_get_their_own_result(tools: McpServers) -> None:
    results = await asyncio.gather(*(call(tools, "add", a=n, b=1000) for n in range(50)))

    assert [result.content for result in results] == [str(n + 1000) for n in range(50)]


async def test_parts_that_are_no_text_are_named_by_kind_and_size(tools: McpServers) -> None:
    assert (await call(tools, "parts")).content == (
        "first\n"
        "[image image/png, 5 bytes, not shown]\n"
        "[resource file:///a.txt]\nof a file\n"
        "[resource file:///b.bin: application/x-b, 3 bytes, not shown]"
    )


async def test_a_long_result_is_cut_and_one_without_end_is_not_taken_in(tools: McpServers) -> None:
    long = await call(tools, "flood", size=1_000_000)
    endless = await call(tools, "flood", size=100_000_000)

    assert len(long.content) == found(tools, "flood").spec.max_output_chars
    assert long.content.endswith("[cut: the result has 1,000,000 characters]")
    assert endless.is_error
    assert "longer than 8,388,608 bytes" in endless.content
    await until(lambda: works(tools))
    assert (await call(tools, "add", a=1, b=1)).content == "2"


async def test_cancelling_a_call_cancels_it_at_the_server(tools: McpServers, journal: Path) -> None:
    waiting = asyncio.create_task(call(tools, "wait"))
    await until(lambda: "wait began" in journal.read_text())
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await until(lambda: "wait cancelled" in journal.read_text())
    assert (await call(tools, "add", a=1, b=1)).content == "2"


async def test_new_tools_are_there_as_soon_as_the_server_says_so(tools: McpServers) -> None:
    await call(tools, "grow")

    await until(lambda: works(tools, "dotted_name"))
    assert (await call(tools, "dotted_name")).content == "grown"


async def test_servers_of_older_protocols_are_spoken_to_as_well() -> None:
    old = program(sys.executable, "-m", "tests.support.mcp_server_2025", env={"PYTHONPATH": ROOT})
    async with served(old) as tools:
        assert [tool.spec.name for tool in tools.all()] == ["s_say", "s_grow"]
        assert (await call(tools, "say")).content == "say by an old server"

        await call(tools, "grow")
        await until(lambda: works(tools, "later"))


async def test_a_program_that_dies_in_a_call_is_told_to_the_model_and_started_again(journal: Path) -> None:
    async with served(stdio(journal)) as tools:
        first = int((await call(tools, "process_ids")).content.split()[0])
        died = await call(tools, "crash")
        assert died.is_error
        assert "exit code 3; whether the call was carried out is not known" in died.content

        await until(lambda: works(tools) and not psutil.pid_exists(first))
        second = int((await call(tools, "process_ids")).content.split()[0])

    assert first != second


async def test_a_program_that_holds_still_for_good_is_replaced(journal: Path) -> None:
    config = stdio(journal, timeout_s=0.5)
    async with served(config) as tools:
        before = list(map(int, (await call(tools, "process_ids")).content.split()))
        stuck = await call(tools, "block")
        assert stuck.is_error
        assert "no answer within 0.5 s" in stuck.content
        await until(lambda: not any(alive(process) for process in before) and works(tools))

        assert (await call(tools, "add", a=1, b=1)).content == "2"


async def test_an_address_that_goes_away_comes_back_by_itself(journal: Path) -> None:
    async with http_server(journal) as url:
        port = int(url.split(":")[2].split("/")[0])
        configured = McpServerConfig(name="s", url=url)
        running = McpServers([configured], JsonSchemas(), start_wait_s=20, pace=QUICK)
        async with running.running() as tools:
            died = await call(tools, "crash")
            assert died.is_error
            await until(lambda: not works(tools))
            assert "cannot be reached" in (found(tools, "add").unavailable() or "")

            async with http_server(journal, port):
                await until(lambda: works(tools))
                assert (await call(tools, "add", a=1, b=1)).content == "2"


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_programs_are_run_and_ended_on_the_event_loop_of_the_service_as_well(journal: Path) -> None:
    async with served(stdio(journal)) as tools:
        first = list(map(int, (await call(tools, "process_ids")).content.split()))
        assert "exit code 3" in (await call(tools, "crash")).content
        await until(lambda: works(tools))
        second = list(map(int, (await call(tools, "process_ids")).content.split()))

    await until(lambda: not any(alive(process) for process in first + second))
