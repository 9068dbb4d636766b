"""Tools of sub-agents: what a model is told of one, and how it is run.

Which tools a sub-agent may call is decided by the service (``scheduler.tool_calls``), whatever the model says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import orjson

from app.domain.errors import SwarmdError

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_MAX_OUTPUT_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What is told of a tool.

    Attributes:
        name: as models call it: ``[a-zA-Z0-9_-]``, 64 at most.
        description: for the model; one to four sentences.
        parameters: JSON Schema of the arguments, an object.
        timeout_s: of one run; then the run is cancelled and the model is told.
        max_output_chars: of the result; a longer one is cut and marked.
        concurrency: runs at once in this process.
        server: the MCP server that has it; None for one of the service's own.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_output_chars: int = DEFAULT_MAX_OUTPUT_CHARS
    concurrency: int = 16
    server: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """For whom a tool runs. Nothing here comes from the model.

    Attributes:
        agent_id: the orchestrator: whose shared memory, messages and files are meant.
        sub_agent_id: the sub-agent, e.g. as sender of a message.
        tools: names of those that the task may call.
        run_key: the same for every run of the same call, also after a crash: what a tool does once, it does once by it.
    """

    tenant_id: str
    agent_id: str
    swarm_id: str
    task_id: str
    index: int
    sub_agent_id: str
    run_key: str
    tools: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What the model is told; ``is_error`` where the tool could not do what was asked, and ``content`` says why."""

    content: str
    is_error: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Mapping[str, Any], *, is_error: bool = False) -> Self:
        """Tell the model ``value`` as JSON."""
        return cls(content=orjson.dumps(value).decode(), is_error=is_error)


class ToolRefused(SwarmdError):
    """The arguments cannot be carried out; the message tells the model what to do instead. Expected, never logged."""

    code = "tool_refused"


class Tool(Protocol):
    @property
    def spec(self) -> ToolSpec: ...

    def unavailable(self) -> str | None:
        """Return why the tool cannot be used here, for people; None where it can."""
        ...

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        """Run once. ``arguments`` are valid against ``spec.parameters``; the caller has the timeout and cuts results.

        Cancelling stops it at once and leaves nothing running.

        Raises:
            ToolRefused: see there. Anything else is a bug: the model is told that the tool failed.
        """
        ...


class Tools(Protocol):
    """All tools of the service."""

    def find(self, name: str) -> Tool | None: ...

    def all(self) -> Sequence[Tool]: ...
