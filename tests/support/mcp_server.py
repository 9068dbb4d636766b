"""A real MCP server, written with the SDK: ``python -m tests.support.mcp_server [--http PORT]``.

Its tools do what tests need of a server: answer, fail, take long, end the process, send too much or nonsense. What
happens to calls is appended to the file that ``MCP_JOURNAL`` names, a line each.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

server = MCPServer("tests")


def note(line: str) -> None:
    with Path(os.environ["MCP_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(line + "\n")


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    note(f"add {a} {b}")
    return str(a + b)


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@server.tool()
async def wait() -> str:
    """Answer never."""
    note("wait began")
    try:
        await anyio.sleep_forever()
    except BaseException:
        note("wait cancelled")
        raise
    return "never"


@server.tool()
async def block() -> str:
    """Hold the whole process."""
    note("block began")
    os.read(os.pipe()[0], 1)
    return "never"


@server.tool()
def crash() -> str:
    """End the process."""
    os._exit(3)


@server.tool()
def flood(size: int) -> str:
    """Answer with that many characters."""
    return "x" * size


@server.tool()
def babble(lines: int) -> str:
    """Write what is no message to the same pipe as the messages."""
    os.write(1, b"this is not JSON\n" * lines)
    os.write(2, b"and this is an error\n" * lines)
    return "babbled"


@server.tool()
def environment() -> str:
    """Tell the variables of the process."""
    return "\n".join(sorted(os.environ))


@server.tool()
def process_ids() -> str:
    """Tell the process, and a child that outlives it unless the whole group is ended."""
    # It ignores SIGTERM and the end of its input.
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return f"{os.getpid()} {child.pid}"


@server.tool(structured_output=False)
def parts() -> CallToolResult:
    """Answer with parts of several kinds."""
    return CallToolResult(
        content=[
            TextContent(text="first"),
            ImageContent(data="aGVsbG8=", mime_type="image/png"),
            EmbeddedResource(resource=TextResourceContents(uri="file:///a.txt", text="of a file")),
            EmbeddedResource(
                resource=BlobResourceContents(uri="file:///b.bin", mime_type="application/x-b", blob="AAAA")
            ),
        ]
    )


@server.tool()
async def grow(ctx: Context[Any, Any]) -> str:
    """Add a tool to this server and tell the client so."""

    def grown() -> str:
        return "grown"

    server.add_tool(grown, name="dotted.name")
    await ctx.notify_tools_changed()
    return "done"


def main() -> None:
    if "--slow-start" in sys.argv:
        os.read(os.pipe()[0], 1)
    if "--http" in sys.argv:
        port = int(sys.argv[sys.argv.index("--http") + 1])
        asyncio.run(server.run_streamable_http_async(port=port))
    else:
        server.run()


if __name__ == "__main__":
    main()
