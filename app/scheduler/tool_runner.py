"""Runs the tool calls of a model: only those its task may make, each under its own limits, all at once.

Whatever goes wrong becomes the answer to the call, for the model to read; nothing of it fails the attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import structlog

from app.ports.output_schemas import InvalidSchema, Mismatch, OutputSchemas
from app.ports.tools import Tool, ToolContext, ToolRefused, Tools

_log = structlog.get_logger(__name__)

_SHOWN = 20

_MAX_ID_CHARS = 128
"""Of a call's id in the key of its run, which databases index."""


class ToolRunner:
    """Args:
    schemas: compiles the schemas of arguments.
    """

    def __init__(self, tools: Tools, schemas: OutputSchemas) -> None:
        self._tools = tools
        self._schemas = schemas
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def run_all(
        self, context: ToolContext, allowed: Sequence[str], calls: Sequence[Mapping[str, str]], within_s: float
    ) -> dict[str, str]:
        """Return the answer to each call, by its id, which none shares with another.

        Args:
            context: its ``run_key`` is made different for each call.
            allowed: names of the tools that the task may call.
            calls: ``{"id", "name", "arguments"}``, the latter JSON text as the model wrote it.
            within_s: what the sub-agent has left for them; those that take longer are stopped, and it is told.
        """
        async with asyncio.TaskGroup() as group:
            running = {
                call["id"]: group.create_task(
                    self._run(replace(context, run_key=_key_of(context.run_key, call["id"])), allowed, call, within_s)
                )
                for call in calls
            }
        return {call_id: task.result() for call_id, task in running.items()}

    async def _run(self, context: ToolContext, allowed: Sequence[str], call: Mapping[str, str], within_s: float) -> str:
        name = call["name"]
        tool = self._tools.find(name) if name in allowed else None
        if tool is None:
            listed = ", ".join(allowed[:_SHOWN]) or "none"
            return f"Error: you may not call a tool {_sendable(name[:100])!r}; your tools are: {listed}."
        try:
            told = await self._told(tool, context, call["arguments"], within_s)
        except (Exception, asyncio.CancelledError) as exc:
            task = asyncio.current_task()
            if isinstance(exc, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise  # one that a tool let escape is its own failure
            _log.exception("tool_crashed", tool=name, swarm_id=context.swarm_id, task_id=context.task_id)
            told = f"Error: {name} failed: a fault of the service; see its log."
        return _cut(_sendable(told), tool.spec.max_output_chars)

    async def _told(self, tool: Tool, context: ToolContext, text: str, within_s: float) -> str:
        spec = tool.spec
        why_not = tool.unavailable()
        if why_not is not None:
            return f"Error: {spec.name} cannot be used here: {why_not}"
        arguments = self._arguments(tool, text)
        if isinstance(arguments, str):
            return arguments
        own: asyncio.Timeout | None = None
        try:
            async with (
                asyncio.timeout(within_s),
                self._slots.setdefault(spec.name, asyncio.Semaphore(spec.concurrency)),
                asyncio.timeout(spec.timeout_s) as own,
            ):
                result = await tool.run(context, arguments)
        except TimeoutError:
            allowed_s = spec.timeout_s if own is not None and own.expired() else within_s
            return f"Error: {spec.name} did not end within {allowed_s:.3g} s and was stopped."
        except ToolRefused as exc:
            return f"Error: {exc.detail}"
        if not isinstance(result.content, str):
            raise TypeError(f"a result's content is {type(result.content).__name__}, no text")
        return f"Error: {result.content}" if result.is_error else result.content

    def _arguments(self, tool: Tool, text: str) -> dict[str, Any] | str:
        """Return the arguments, or what is wrong with them."""
        spec = tool.spec
        try:
            # What is cut off is not mended, as an answer would be: half of what was meant must not be carried out.
            orjson.loads(text.strip() or "{}")
        except orjson.JSONDecodeError as exc:
            return f"Error: the arguments of {spec.name} are not JSON: {exc}. Make the call again."
        try:
            checked = self._schemas.compile(dict(spec.parameters)).check(text.strip() or "{}")
        except InvalidSchema:
            _log.exception("tool_schema_invalid", tool=spec.name)
            return f"Error: {spec.name} cannot be used: its parameters are described wrongly."
        if isinstance(checked, Mismatch):
            wrong = "; ".join(checked.errors)
            return f"Error: the arguments of {spec.name} are wrong: {wrong}. Make the call again."
        if not isinstance(checked.value, dict):
            return f"Error: the arguments of {spec.name} are not a JSON object. Make the call again."
        return checked.value


def _key_of(step: str, call_id: str) -> str:
    """Name a call for the store. Ids are the model's: one that is long or odd is told by its digest."""
    if len(call_id) > _MAX_ID_CHARS or not (call_id.isascii() and call_id.isprintable()):
        call_id = sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{step}/{call_id}"


def _sendable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _cut(text: str, max_chars: int) -> str:
    marker = f"\n[shortened: the result has {len(text)} characters]"
    return text if len(text) <= max_chars else text[: max(max_chars - len(marker), 0)] + marker
