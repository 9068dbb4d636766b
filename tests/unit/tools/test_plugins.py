"""Own tools by entry point: a broken one is shown as unavailable and never stops the service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from app.outputs.json_schema import JsonSchemas
from app.ports.tools import Tool, ToolContext, ToolRefused, ToolResult, ToolSpec
from app.tools.combined import Combined
from app.tools.plugins import GROUP, plugin_tools
from app.tools.registry import Registry

pytestmark = pytest.mark.anyio

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="key"
)
MODULE = "plugins_of_this_test"


class Weather:
    def __init__(self, name: str = "weather", parameters: Mapping[str, Any] | None = None) -> None:
        self.spec = ToolSpec(name=name, description="Tells it.", parameters=parameters or {"type": "object"})

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        return ToolResult(content=f"sunny in {arguments['place']}")


class Moody(Weather):
    def unavailable(self) -> str | None:
        raise ValueError("password=hunter2")


class Careless(Weather):
    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        return "sunny"  # type: ignore[return-value]


class Leaving(Weather):
    def unavailable(self) -> str | None:
        if self.spec.name == "left":
            raise SystemExit(2)
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        raise SystemExit(1)


class Blocking(Weather):
    def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:  # type: ignore[override]
        return ToolResult(content="at once")


def fails() -> Tool:
    raise ConnectionError("password=hunter2")


def leaves() -> Tool:
    raise SystemExit(3)


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    made = ModuleType(MODULE)
    vars(made).update(
        weather=Weather,
        http_fetch=lambda: Weather("http_fetch"),
        moody=Moody,
        careless=Careless,
        blocking=Blocking,
        fails=fails,
        leaves=leaves,
        leaving=lambda: Leaving("leaving"),
        left=lambda: Leaving("left"),
        number=7,
        nothing=lambda: None,
        badly_named=lambda: Weather("no name"),
        badly_described=lambda: Weather(parameters={"type": 7}),
    )
    sys.modules[MODULE] = made
    yield
    del sys.modules[MODULE]


def load(*names: str, taken: tuple[str, ...] = ()) -> list[Tool]:
    entries = [EntryPoint(name, f"{MODULE}:{name}", GROUP) for name in names]
    return list(plugin_tools(JsonSchemas(), taken=taken, found=entries))


async def test_an_own_tool_is_there_and_runs() -> None:
    [tool] = load("weather")

    assert tool.spec.name == "weather"
    assert tool.unavailable() is None
    assert await tool.run(CONTEXT, {"place": "Oslo"}) == ToolResult(content="sunny in Oslo")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        ("fails", "cannot be loaded (ConnectionError)"),
        ("leaves", "cannot be loaded (SystemExit)"),
        ("missing", "cannot be loaded (AttributeError)"),
        ("number", "expected a callable that returns a tool, got int"),
        ("nothing", "expected a tool whose spec is a ToolSpec"),
        ("badly_named", "expected a name of 1-64 characters"),
        ("badly_described", "its parameters cannot be checked: /type"),
        ("blocking", "expected an async run(context, arguments)"),
    ],
)
async def test_a_broken_plugin_is_shown_with_the_reason_beside_those_that_work(plugin: str, reason: str) -> None:
    tools = {tool.spec.name: tool for tool in load(plugin, "weather")}

    shown = tools[plugin].unavailable() or ""
    assert reason in shown
    assert "hunter2" not in shown
    assert tools["weather"].unavailable() is None
    with pytest.raises(ToolRefused):
        await tools[plugin].run(CONTEXT, {})


def test_a_package_that_does_not_import_is_shown_as_well() -> None:
    gone = EntryPoint("gone", "no_such_package_anywhere:make", GROUP)

    [tool] = plugin_tools(JsonSchemas(), found=[gone])

    assert "cannot be loaded (ModuleNotFoundError)" in (tool.unavailable() or "")


def test_an_own_tool_does_not_take_the_name_of_another() -> None:
    assert [tool.spec.name for tool in load("http_fetch", "weather", taken=("http_fetch",))] == ["weather"]
    assert len(load("weather", "moody")) == 1


def test_a_check_that_fails_makes_the_tool_unavailable_and_keeps_its_secrets() -> None:
    [tool] = load("moody")

    shown = tool.unavailable() or ""
    assert "its own check failed (ValueError)" in shown
    assert "hunter2" not in shown


async def test_what_is_no_result_is_a_fault_of_the_plugin() -> None:
    [tool] = load("careless")

    with pytest.raises(TypeError, match="'careless' returned str"):
        await tool.run(CONTEXT, {})


def test_without_plugins_there_are_none() -> None:
    assert all(tool.unavailable() is None for tool in plugin_tools(JsonSchemas()))


def test_of_tools_with_the_same_name_that_of_the_first_source_counts() -> None:
    first, second, other = Weather(), Weather(), Weather("other")
    tools = Combined(Registry([first]), Registry([second, other]))

    assert tools.find("weather") is first
    assert tools.find("none") is None
    assert tools.all() == [first, other]


async def test_a_plugin_that_calls_exit_fails_its_call_and_not_the_service() -> None:
    """In a task of its own, as calls are made, SystemExit would go through to the event loop and end it."""
    tools = {tool.spec.name: tool for tool in load("leaving", "left")}

    with pytest.raises(RuntimeError, match="wanted to end the process"):
        await asyncio.create_task(tools["leaving"].run(CONTEXT, {}))
    assert "its own check failed (SystemExit)" in (tools["left"].unavailable() or "")
