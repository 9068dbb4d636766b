"""Own tools: packages that name one in the entry points' group ``swarmd.tools``.

In the package's ``pyproject.toml``::

    [project.entry-points."swarmd.tools"]
    weather = "my_package.weather:make_tool"

``make_tool()`` returns a ``ports.tools.Tool``. A plugin is trusted: it runs in the service's process with its rights.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from app.ports.output_schemas import InvalidSchema, OutputSchemas
from app.ports.tools import Tool, ToolContext, ToolRefused, ToolResult, ToolSpec

_log = structlog.get_logger(__name__)

GROUP = "swarmd.tools"

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_OF_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


def plugin_tools(
    schemas: OutputSchemas, *, taken: Collection[str] = (), found: Iterable[EntryPoint] | None = None
) -> Sequence[Tool]:
    """Load the tools of installed packages, in the order of their names; never raises because of one.

    A broken one is there under the entry point's name and unavailable. One whose name is taken is left out and logged.

    Args:
        schemas: parameters that it cannot compile make a tool unavailable.
        taken: names of the service's other tools.
        found: entry points; those of the installed packages by default.
    """
    names = set(taken)
    tools: list[Tool] = []
    for entry in sorted(entry_points(group=GROUP) if found is None else found, key=lambda one: (one.name, one.value)):
        tool = _load(entry, schemas)
        if tool.spec.name in names:
            _log.error("tool_plugin_refused", plugin=entry.name, tool=tool.spec.name, reason="the name is taken")
            continue
        names.add(tool.spec.name)
        tools.append(tool)
    return tools


def _load(entry: EntryPoint, schemas: OutputSchemas) -> Tool:
    try:
        return PluginTool(entry.name, _made(entry), schemas)
    except _NotATool as exc:
        _log.error("tool_plugin_broken", plugin=entry.name, reason=str(exc))
        return _Broken(entry.name, f"its plugin is broken: {exc}")
    except (Exception, SystemExit) as exc:
        # The text of the error may hold anything, a password too: it is for the log of the service's owner only.
        _log.exception("tool_plugin_broken", plugin=entry.name)
        return _Broken(entry.name, f"its plugin cannot be loaded ({type(exc).__name__}); the service's log says more")


class _NotATool(Exception):
    """The plugin loads, but what it makes is no tool; the text says what is wrong."""


def _made(entry: EntryPoint) -> Tool:
    make = entry.load()
    if not callable(make):
        raise _NotATool(f"expected a callable that returns a tool, got {type(make).__name__}")
    tool = make()
    spec = getattr(tool, "spec", None)
    if not isinstance(spec, ToolSpec):
        raise _NotATool("expected a tool whose spec is a ToolSpec")
    if not isinstance(spec.name, str) or not _NAME.fullmatch(spec.name):
        raise _NotATool("expected a name of 1-64 characters a-z A-Z 0-9 _ -")
    if not isinstance(spec.description, str) or not isinstance(spec.parameters, Mapping):
        raise _NotATool("expected a description and the JSON Schema of the arguments")
    if spec.timeout_s <= 0 or spec.max_output_chars <= 0 or spec.concurrency <= 0:
        raise _NotATool("expected timeout_s, max_output_chars and concurrency above 0")
    if not inspect.iscoroutinefunction(getattr(tool, "run", None)):
        raise _NotATool("expected an async run(context, arguments)")
    if not callable(getattr(tool, "unavailable", None)):
        raise _NotATool("expected a method unavailable()")
    checked: Tool = tool
    return checked


class PluginTool:
    """A ``ports.tools.Tool`` around that of a plugin: what is told of it stays as it was checked.

    Raises:
        _NotATool: its parameters cannot be checked.
    """

    def __init__(self, plugin: str, tool: Tool, schemas: OutputSchemas) -> None:
        self._plugin = plugin
        self._tool = tool
        self.spec = replace(tool.spec, parameters=dict(tool.spec.parameters), server=None)
        try:
            schemas.compile(dict(self.spec.parameters))
        except InvalidSchema as exc:
            raise _NotATool(f"its parameters cannot be checked: {exc.detail[:300]}") from exc

    def unavailable(self) -> str | None:
        try:
            reason = self._tool.unavailable()
        except (Exception, SystemExit) as exc:
            _log.exception("tool_plugin_failed", plugin=self._plugin)
            return f"its own check failed ({type(exc).__name__}); the service's log says more"
        return None if reason is None else str(reason)

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        """See ``ports.tools.Tool``."""
        try:
            result = await self._tool.run(context, arguments)
        except SystemExit as exc:  # of argparse or click, say: it would end the service, and every start after it
            raise RuntimeError(f"the plugin {self._plugin!r} wanted to end the process") from exc
        if not isinstance(result, ToolResult) or not isinstance(result.content, str):
            raise TypeError(f"the plugin {self._plugin!r} returned {type(result).__name__}, not a ToolResult of text")
        return result


class _Broken:
    """What stands for a tool that cannot be loaded."""

    def __init__(self, plugin: str, reason: str) -> None:
        name = _NOT_OF_NAMES.sub("_", plugin)[:64] or "plugin"
        self._reason = reason
        self.spec = ToolSpec(name=name, description="An own tool.", parameters={"type": "object"})

    def unavailable(self) -> str | None:
        return self._reason

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        """See ``ports.tools.Tool``."""
        raise ToolRefused(self._reason)
