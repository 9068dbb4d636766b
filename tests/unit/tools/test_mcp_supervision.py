"""A server is started, looked after and started again; meanwhile its tools say why they are not there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.outputs.json_schema import JsonSchemas
from app.ports.tools import Tool, ToolContext, ToolResult
from app.tools.mcp_servers import servers as servers_module
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.link import LinkFailed, ListedTool
from app.tools.mcp_servers.server import Pace
from app.tools.mcp_servers.servers import McpServers

pytestmark = pytest.mark.anyio

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="key"
)
QUICK = Pace(connect_s=5, list_s=0.05, first_wait_s=0.001, most_wait_s=0.001, relist_wait_s=0)
OBJECT = {"type": "object"}


class Scripted:
    """A server that does as told. ``connected`` and ``left`` count connections; ``asked`` are the calls."""

    def __init__(self, *tools: str, schema: Mapping[str, Any] = OBJECT) -> None:
        self.tools = [ListedTool(name=name, description=f"Does {name}.", schema=schema) for name in tools]
        self.connected = 0
        self.left = 0
        self.refuses: Exception | None = None
        self.hangs = False
        self.lists_hang = False
        self.over: str | None = None
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.answer: Callable[[], ToolResult] = lambda: ToolResult(content="done")
        self.listed = asyncio.Event()
        self.change: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def connect(self, config: McpServerConfig, on_change: Callable[[], None]) -> AsyncIterator[Scripted]:
        self.connected += 1
        self.change = on_change
        if self.refuses is not None:
            raise self.refuses
        if self.hangs:
            await asyncio.Event().wait()
        self.over = None
        try:
            yield self
        finally:
            self.left += 1

    async def list_tools(self) -> Sequence[ListedTool]:
        if self.lists_hang:
            await asyncio.Event().wait()
        self.listed.set()
        return list(self.tools)

    async def call(self, name: str, arguments: Mapping[str, Any], *, run_key: str, max_chars: int) -> ToolResult:
        self.asked.append((name, arguments, run_key))
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer()

    def end(self, reason: str) -> None:
        self.over = reason
        self.change()

    async def next_list(self) -> None:
        self.listed.clear()
        async with asyncio.timeout(30):
            await self.listed.wait()
        await asyncio.sleep(0)  # what was listed is taken in


def servers(server: Scripted, *, start_wait_s: float = 5, taken: tuple[str, ...] = (), **config: Any) -> McpServers:
    configured = McpServerConfig(name="s", command=("program",), **config)
    return McpServers(
        [configured], JsonSchemas(), taken=taken, start_wait_s=start_wait_s, pace=QUICK, connect=server.connect
    )


def found(tools: McpServers, name: str) -> Tool:
    tool = tools.find(name)
    assert tool is not None, name
    return tool


def reason(tools: McpServers, name: str) -> str:
    why_not = found(tools, name).unavailable()
    assert why_not is not None
    return why_not


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_tools_are_told_as_the_server_describes_them_and_called_by_its_names() -> None:
    server = Scripted("dotted.name", schema={"$schema": "http://json-schema.org/draft-07/schema#", **OBJECT})

    async with servers(server).running() as tools:
        [tool] = tools.all()
        result = await tool.run(CONTEXT, {"x": 1})

    assert (tool.spec.name, tool.spec.description, tool.spec.parameters) == (
        "s_dotted_name",
        "Does dotted.name.",
        OBJECT,
    )
    assert result.content == "done"
    assert server.asked == [("dotted.name", {"x": 1}, "key")]
    assert server.left == 1


async def test_a_server_that_never_starts_does_not_hold_up_the_service() -> None:
    server = Scripted("a")
    server.hangs = True

    async with asyncio.timeout(30):
        async with servers(server, start_wait_s=0.01).running() as tools:
            assert "it is being started" in reason(tools, "s")
            assert "it is being started" in reason(tools, "s_whatever")


async def test_a_server_that_cannot_be_started_is_tried_again_and_says_why() -> None:
    server = Scripted("a")
    server.refuses = LinkFailed("there is no such program")

    async with servers(server).running() as tools:
        assert "there is no such program" in reason(tools, "s")
        await until(lambda: server.connected >= 3)
        server.refuses = None
        await server.next_list()
        await until(lambda: tools.find("s_a") is not None and found(tools, "s_a").unavailable() is None)


async def test_a_server_that_ends_is_started_again_with_the_tools_that_it_has_then() -> None:
    server = Scripted("a")

    async with servers(server).running() as tools:
        server.tools = [ListedTool(name="b", description="", schema=OBJECT)]
        server.end("it ended with exit code 3")
        assert "exit code 3" in reason(tools, "s_a")
        await until(lambda: server.connected == 2 and tools.find("s_b") is not None)

        assert [tool.spec.name for tool in tools.all()] == ["s_b"]
        assert server.left == 1


async def test_a_changed_list_is_taken_over_without_a_new_start() -> None:
    server = Scripted("a")

    async with servers(server).running() as tools:
        server.tools += [ListedTool(name="b", description="", schema=OBJECT)]
        server.change()
        await until(lambda: tools.find("s_b") is not None)

    assert server.connected == 1


async def test_only_the_tools_that_the_configuration_lists_are_offered() -> None:
    server = Scripted("a", "b")

    async with servers(server, tools=("b", "c")).running() as tools:
        assert tools.find("s_a") is None
        assert found(tools, "s_b").unavailable() is None
        assert reason(tools, "s_c") == "the MCP server 's' has no tool 'c'"


async def test_parameters_that_cannot_be_checked_make_the_tool_unavailable() -> None:
    server = Scripted("a", schema={"type": "object", "properties": {"x": {"$ref": "https://example.org/x"}}})

    async with servers(server).running() as tools:
        assert "its parameters cannot be checked: /properties/x/$ref" in reason(tools, "s_a")
        result = await found(tools, "s_a").run(CONTEXT, {})

    assert result.is_error
    assert server.asked == []


async def test_a_call_that_is_not_answered_ends_with_a_word_to_the_model_and_a_dead_server_is_replaced() -> None:
    server = Scripted("a")

    async with servers(server, timeout_s=0.2).running() as tools:
        server.hangs = server.lists_hang = True
        result = await found(tools, "s_a").run(CONTEXT, {})
        server.hangs = False
        await until(lambda: server.connected == 2)

    assert result.is_error
    assert "no answer within 0.2 s" in result.content


async def test_a_server_that_only_missed_one_call_stays() -> None:
    server = Scripted("a")

    async with servers(server, timeout_s=0.2).running() as tools:
        server.hangs = True
        await found(tools, "s_a").run(CONTEXT, {})
        server.hangs = False
        await server.next_list()
        assert (await found(tools, "s_a").run(CONTEXT, {})).content == "done"

    assert server.connected == 1


async def test_a_connection_that_breaks_in_a_call_is_told_to_the_model_with_what_is_not_known() -> None:
    server = Scripted("a")

    def breaks() -> ToolResult:
        raise LinkFailed("it ended with exit code 9")

    server.answer = breaks
    async with servers(server).running() as tools:
        result = await found(tools, "s_a").run(CONTEXT, {})

    assert result.is_error
    assert "exit code 9; whether the call was carried out is not known" in result.content


async def test_cancelling_a_call_cancels_it_and_nothing_else() -> None:
    server = Scripted("a")

    async with servers(server).running() as tools:
        server.hangs = True
        call = asyncio.create_task(found(tools, "s_a").run(CONTEXT, {}))
        await until(lambda: len(server.asked) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert found(tools, "s_a").unavailable() is None

    assert server.connected == 1


async def test_a_fault_of_ours_is_not_shown_to_clients_and_the_server_is_tried_again() -> None:
    server = Scripted("a")
    server.refuses = RuntimeError("password=hunter2")

    async with servers(server).running() as tools:
        assert "hunter2" not in reason(tools, "s")
        assert "a fault (RuntimeError); see the log" in reason(tools, "s")
        await until(lambda: server.connected >= 2)


async def test_without_the_sdk_the_tools_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers_module, "find_spec", lambda name: None)
    configured = McpServerConfig(name="s", command=("program",), tools=("a",))

    async with McpServers([configured], JsonSchemas()).running() as tools:
        assert "pip install 'swarmd[mcp]'" in reason(tools, "s_a")


async def test_an_sdk_that_does_not_fit_does_not_stop_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers_module, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "app.tools.mcp_servers.session", None)

    async with McpServers([McpServerConfig(name="s", command=("program",))], JsonSchemas()).running() as tools:
        assert "pip install 'swarmd[mcp]'" in reason(tools, "s")


async def test_without_servers_nothing_is_imported_or_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(name: str) -> None:
        raise AssertionError("the SDK was looked for")

    monkeypatch.setattr(servers_module, "find_spec", never)

    async with McpServers([], JsonSchemas()).running() as tools:
        assert tools.all() == []
        assert tools.find("s_a") is None
