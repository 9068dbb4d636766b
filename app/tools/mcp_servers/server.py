"""One supervised MCP server: connected, listed, looked after, and started again with growing pauses when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog

from app.ports.output_schemas import InvalidSchema, OutputSchemas
from app.ports.tools import Tool
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.link import Connect, Link, LinkFailed, ListedTool
from app.tools.mcp_servers.naming import public_names
from app.tools.mcp_servers.tool import McpTool

_log = structlog.get_logger(__name__)

NOT_INSTALLED = "pip install 'swarmd[mcp]'"

_DESCRIPTION_CHARS = 2000
_REASON_CHARS = 300
_ANYTHING = {"type": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Bounds and pauses, in seconds.

    Attributes:
        connect_s: from the start of a server until its tools are listed.
        list_s: of one later list.
        first_wait_s: before the first new start; doubled up to ``most_wait_s`` until a server stays for ``steady_s``.
        refresh_s: tools are listed again that often, whether the server says something or not.
        relist_wait_s: between two lists that a server asks for.
    """

    connect_s: float = 30.0
    list_s: float = 15.0
    first_wait_s: float = 0.5
    most_wait_s: float = 60.0
    steady_s: float = 60.0
    refresh_s: float = 300.0
    relist_wait_s: float = 1.0


class McpServer:
    """A ``tool.Server`` with its tools.

    Args:
        connect: None where the SDK is not installed; then the tools are unavailable.
        schemas: says which parameters can be checked.
        taken: names of the service's other tools.
    """

    def __init__(
        self,
        config: McpServerConfig,
        connect: Connect | None,
        schemas: OutputSchemas,
        *,
        taken: Collection[str] = (),
        pace: Pace | None = None,
    ) -> None:
        self.name = config.name
        self.timeout_s = config.timeout_s
        self.link: Link | None = None
        self.settled = asyncio.Event()
        self._config = config
        self._connect = connect
        self._schemas = schemas
        self._taken = taken
        self._pace = pace or Pace()
        self._look = asyncio.Event()
        self._down = "it is being started" if connect is not None else NOT_INSTALLED
        self._listed: tuple[ListedTool, ...] | None = None
        self._tools: dict[str, Tool] = {}
        self._show(())

    def tools(self) -> Sequence[Tool]:
        """Return the tools of the last list; before the first, what stands for them."""
        return list(self._tools.values())

    def find(self, name: str) -> Tool | None:
        """Return the tool, or before the first list what says why there is none yet."""
        found = self._tools.get(name)
        if found is None and self._listed is None and name.startswith(f"{self.name}_"):
            return self._placeholder(name)
        return found

    def unavailable(self) -> str | None:
        """See ``tool.Server``."""
        over = self._down if self.link is None else self.link.over
        return None if over is None else f"the MCP server {self.name!r} is not there: {over}"

    def doubt(self) -> None:
        """See ``tool.Server``."""
        self._look.set()

    async def supervise(self) -> None:
        """Keep the server there until cancelled; ``settled`` is set after the first success or failure."""
        if self._connect is None:
            self.settled.set()
            return
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            began = clock()
            try:
                await self._once(self._connect)
            except Exception as exc:
                failures = 0 if clock() - began >= self._pace.steady_s else failures
                wait_s = min(self._pace.first_wait_s * 2.0 ** min(failures, 30), self._pace.most_wait_s)
                failures += 1
                self._down = f"{_reason(exc)}; it is started again by itself"
                _log.warning("mcp_server_down", server=self.name, reason=_reason(exc), next_start_s=wait_s)
                if not _is_expected(exc):
                    _log.exception("mcp_server_failed", server=self.name)
            self.settled.set()
            await asyncio.sleep(wait_s)

    async def _once(self, connect: Connect) -> NoReturn:
        """Connect and stay until something fails; always raises."""
        self._look.clear()
        over: str | None = None
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._pace.connect_s):
                    link = await stack.enter_async_context(connect(self._config, self._look.set))
                    await self._list(link)
            except TimeoutError as exc:
                raise LinkFailed(f"its tools were not listed within {self._pace.connect_s:g} s") from exc
            self.link = link
            self.settled.set()
            _log.info("mcp_server_up", server=self.name, tools=len(self._tools))
            try:
                over = await self._watch(link)
            finally:
                self._down = link.over or "it is being started again"
                self.link = None
        raise LinkFailed(over or "the connection ended")

    async def _watch(self, link: Link) -> str:
        """Return why the connection is of no more use."""
        while True:
            try:
                async with asyncio.timeout(self._pace.refresh_s):
                    await self._look.wait()
            except TimeoutError:
                pass  # nothing was heard: looked after all the same
            self._look.clear()
            if link.over is not None:
                return link.over
            try:
                async with asyncio.timeout(self._pace.list_s):
                    await self._list(link)
            except TimeoutError:
                return f"it does not answer: its tools were not listed within {self._pace.list_s:g} s"
            except LinkFailed as exc:
                return str(exc)
            await asyncio.sleep(self._pace.relist_wait_s)

    async def _list(self, link: Link) -> None:
        listed = tuple(await link.list_tools())
        if listed == self._listed:
            return
        # Compiling is bounded, but of hundreds of schemas it takes its time; what is compiled stays so for the calls.
        refusals = await asyncio.to_thread(lambda: {tool.name: self._refusal(tool) for tool in listed})
        self._show(listed, refusals)
        self._listed = listed

    def _refusal(self, tool: ListedTool) -> str | None:
        try:
            self._schemas.compile(_parameters(tool))
        except InvalidSchema as exc:
            return f"its parameters cannot be checked: {exc.detail[:_REASON_CHARS]}"
        return None

    def _show(self, listed: Sequence[ListedTool], refusals: dict[str, str | None] | None = None) -> None:
        """Make the tools; ``refusals`` is None as long as nothing was listed."""
        wanted = self._config.tools
        described = {tool.name: tool for tool in listed if wanted is None or tool.name in wanted}
        names = public_names(self.name, [*described, *(wanted or ())], self._taken)
        tools: list[Tool] = []
        for tool, name in names.items():
            if refusals is None:
                tools.append(self._placeholder(name))
            elif tool not in described:
                tools.append(self._placeholder(name, f"the MCP server {self.name!r} has no tool {tool[:100]!r}"))
            else:
                refused = refusals[tool]
                tools.append(
                    McpTool(
                        self,
                        tool,
                        name=name,
                        description=described[tool].description[:_DESCRIPTION_CHARS] or tool[:_DESCRIPTION_CHARS],
                        parameters=_parameters(described[tool]) if refused is None else _ANYTHING,
                        refused=refused,
                    )
                )
        if refusals is None and not tools:
            tools.append(self._placeholder(self.name))
        self._tools = {tool.spec.name: tool for tool in tools}

    def _placeholder(self, name: str, refused: str | None = None) -> McpTool:
        description = f"Of the MCP server {self.name}."
        return McpTool(
            self,
            name,
            name=name,
            description=description,
            parameters=_ANYTHING,
            refused=refused or self._unlisted,
        )

    def _unlisted(self) -> str:
        return self.unavailable() or f"the MCP server {self.name!r} has no such tool"


def _parameters(tool: ListedTool) -> dict[str, Any]:
    """The schema without the name of its dialect: older ones differ in little, and what differs is refused."""
    return {key: value for key, value in tool.schema.items() if key != "$schema"}


def _reason(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup) and exc.exceptions:
        exc = exc.exceptions[0]
    if isinstance(exc, LinkFailed):
        return str(exc)[:_REASON_CHARS]
    return f"a fault ({type(exc).__name__}); see the log"


def _is_expected(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        return all(_is_expected(one) for one in exc.exceptions)
    return isinstance(exc, LinkFailed)
