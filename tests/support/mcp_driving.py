"""Drives MCP servers in tests: programs and addresses, real processes both."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

from app.outputs.json_schema import JsonSchemas
from app.ports.tools import Tool, ToolContext, ToolResult
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.server import Pace
from app.tools.mcp_servers.servers import McpServers

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="key"
)
QUICK = Pace(connect_s=20, list_s=0.5, first_wait_s=0.01, most_wait_s=0.05, relist_wait_s=0)
SERVER = (sys.executable, "-m", "tests.support.mcp_server")
ROOT = str(Path(__file__).parents[2])


def stdio(journal: Path, *more: str, timeout_s: float = 20) -> McpServerConfig:
    return program(*SERVER, *more, timeout_s=timeout_s, env={"MCP_JOURNAL": str(journal), "PYTHONPATH": ROOT})


def program(*command: str, timeout_s: float = 20, env: dict[str, str] | None = None) -> McpServerConfig:
    return McpServerConfig(name="s", command=command, timeout_s=timeout_s, env=env or {})


@asynccontextmanager
async def served(config: McpServerConfig) -> AsyncIterator[McpServers]:
    async with McpServers([config], JsonSchemas(), start_wait_s=20, pace=QUICK).running() as running:
        yield running


@asynccontextmanager
async def http_server(journal: Path, port: int = 0) -> AsyncIterator[str]:
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    environment = os.environ | {"MCP_JOURNAL": str(journal), "PYTHONPATH": ROOT}
    process = await asyncio.create_subprocess_exec(
        *SERVER,
        "--http",
        str(port),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def found(tools: McpServers, name: str) -> Tool:
    tool = tools.find(f"s_{name}")
    assert tool is not None, name
    return tool


async def call(tools: McpServers, name: str, **arguments: Any) -> ToolResult:
    return await found(tools, name).run(CONTEXT, arguments)


def works(tools: McpServers, name: str = "add") -> bool:
    tool = tools.find(f"s_{name}")
    return tool is not None and tool.unavailable() is None


def alive(process: int) -> bool:
    try:
        return str(psutil.Process(process).status()) != str(psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
