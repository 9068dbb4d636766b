"""The stdio transport: a server as a child process, one JSON-RPC message a line, everything bounded."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.link import MAX_MESSAGE_BYTES, LinkFailed

_log = structlog.get_logger(__name__)

INHERITED = ("PATH", "HOME", "USER", "LANG", "TMPDIR")
"""Without them hardly a program starts; they hold no keys. What is configured wins."""

_MAX_GARBAGE_LINES = 20
_MAX_SKIPPED_BYTES = 64 * 1024 * 1024
"""Of a message that is not taken; a longer one ends the program."""

_ID_WITHIN = 200
_ID_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*,')
_ID_LAST = re.compile(rb'[\]}"]\s*,\s*"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')
"""Where an answer's own id stands for sure: before everything, or behind it."""

_TOO_LONG = -32010
_MAX_LINES_A_SECOND = 2000
_LOGGED_LINES = 20
_LOGGED_EVERY_S = 10.0
_LOGGED_CHARS = 500
_LEAVES_BY_ITSELF_S = 2.0
_LEAVES_WHEN_TOLD_S = 1.0


class _Watched(SubprocessStreamProtocol):
    """Tells of the program's own end, and ends what it leaves behind.

    ``Process.wait`` also waits for the pipes; what is left of the group would hold them, and nobody would notice.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit, loop)
        self.exited = asyncio.Event()
        self._group = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast(asyncio.SubprocessTransport, transport)  # uvloop's has its methods and is none
        self._group = made.get_pid()
        super().connection_made(made)

    def process_exited(self) -> None:
        self.signal(signal.SIGKILL)
        self.exited.set()
        super().process_exited()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the group; never after the end, when its number may be another's."""
        if not self.exited.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)

    async def ended(self, within_s: float) -> bool:
        """Wait for the end, but not longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.exited.wait()
        return self.exited.is_set()


@asynccontextmanager
async def stdio_transport(
    config: McpServerConfig, on_end: Callable[[str], None]
) -> AsyncGenerator[TransportStreams, None]:
    """Run the program; leaving the context ends its process group.

    Args:
        on_end: called once, with the reason, when nothing more will come from the server.

    Raises:
        LinkFailed: the program cannot be started.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: _Watched(limit=MAX_MESSAGE_BYTES, loop=loop),
            *config.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**inherited, **config.env},
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else "it is no command"
        # Every client reads the reason, and where things lie on this machine is none of theirs.
        _log.warning("mcp_server_not_started", server=config.name, command=config.command[0], reason=why)
        raise LinkFailed("its command cannot be started; the service's log says more") from exc
    process = Process(transport, protocol, loop)
    to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    pipes = [
        asyncio.create_task(_read(config.name, process, protocol, to_session, on_end)),
        asyncio.create_task(_write(process, from_session, to_session)),
        asyncio.create_task(_log_errors(config.name, process)),
    ]
    try:
        yield from_server, to_server
    finally:
        try:
            for stream in (to_server, from_server):
                stream.close()
            await _stop(process, protocol)
        finally:
            protocol.signal(signal.SIGKILL)  # also when the stop itself is cut short
            for task in pipes:
                task.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
            from_session.close()
            to_session.close()
            transport.close()  # what left the group may hold a pipe open


async def _read(
    name: str,
    process: Process,
    watched: _Watched,
    to_session: MemoryObjectSendStream[SessionMessage | Exception],
    on_end: Callable[[str], None],
) -> None:
    reason = "its output ended"
    garbage = 0
    clock = asyncio.get_running_loop().time
    since, lines = clock(), 0
    assert process.stdout is not None
    try:
        while garbage <= _MAX_GARBAGE_LINES:
            try:
                line = await process.stdout.readuntil(b"\n")
            except asyncio.LimitOverrunError as exc:
                call = await _call_of_too_long(process.stdout, exc.consumed)
                if call is None:
                    raise
                line = _too_long(call)
            lines += 1
            if lines >= _MAX_LINES_A_SECOND:  # a flood fills the pipe and holds up the program, not the service
                await asyncio.sleep(max(since + 1 - clock(), 0))
                since, lines = clock(), 0
            if not line.strip():
                continue
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                garbage += 1
                if garbage == 1:
                    _log.warning("mcp_server_garbage", server=name, line_bytes=len(line))
                continue
            await to_session.send(SessionMessage(message))
        reason = f"more than {_MAX_GARBAGE_LINES} lines of its output were no JSON-RPC messages"
        watched.signal(signal.SIGTERM)  # nobody reads on, so it may never see the end of its input
    except asyncio.IncompleteReadError:
        if await watched.ended(_LEAVES_WHEN_TOLD_S):
            reason = f"it ended with exit code {process.returncode}"
    except asyncio.LimitOverrunError:
        reason = f"it sent a message longer than {MAX_MESSAGE_BYTES:,} bytes"
        watched.signal(signal.SIGTERM)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        reason = "the session is over"
    except OSError as exc:
        reason = f"its output cannot be read: {exc.strerror}"
    finally:
        on_end(reason)
        to_session.close()  # only now, so that calls that fail because of it can say why


async def _call_of_too_long(stdout: asyncio.StreamReader, held: int) -> bytes | None:
    """Read a message that is too long to its end, keeping next to nothing of it; return the id of the call that it
    answers, None where that cannot be told for sure or the message has no end."""
    head = tail = b""
    read_bytes = 0
    while True:
        piece = await stdout.readexactly(held)
        head, tail = head or piece[:_ID_WITHIN], (tail + piece[-_ID_WITHIN:])[-_ID_WITHIN:]
        read_bytes += held
        if read_bytes > _MAX_SKIPPED_BYTES:
            return None
        try:
            end = await stdout.readuntil(b"\n")
        except asyncio.LimitOverrunError as exc:
            held = exc.consumed
            continue
        found = _ID_FIRST.match(head) or _ID_LAST.search((tail + end[-_ID_WITHIN:])[-_ID_WITHIN:])
        return None if found is None else found[1]


def _too_long(call: bytes) -> bytes:
    why = f"the answer is longer than the {MAX_MESSAGE_BYTES:,} bytes that are taken of one; ask for less"
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":"%b"}}' % (call, _TOO_LONG, why.encode())


async def _write(
    process: Process,
    from_session: MemoryObjectReceiveStream[SessionMessage],
    to_session: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    assert process.stdin is not None
    try:
        async for sent in from_session:
            text = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except OSError:  # the server is gone: the session learns it as the end of what it reads
        to_session.close()


async def _log_errors(name: str, process: Process) -> None:
    """Log what the server writes to stderr: ``_LOGGED_LINES`` in ``_LOGGED_EVERY_S``, the rest is only counted."""
    assert process.stderr is not None
    clock = asyncio.get_running_loop().time
    since, logged, left_out = clock(), 0, 0
    while piece := await process.stderr.read(4096):
        if clock() - since >= _LOGGED_EVERY_S:
            if left_out:
                _log.info("mcp_server_stderr_left_out", server=name, lines=left_out)
            since, logged, left_out = clock(), 0, 0
        for line in piece.decode("utf-8", "replace").splitlines():
            if logged >= _LOGGED_LINES:
                left_out += 1
            elif line.strip():
                logged += 1
                _log.info("mcp_server_stderr", server=name, line=line[:_LOGGED_CHARS])
    if left_out:
        _log.info("mcp_server_stderr_left_out", server=name, lines=left_out)


async def _stop(process: Process, watched: _Watched) -> None:
    """As MCP has it (2025-11-25, lifecycle, shutdown): close its input, then ask, then kill whatever is left."""
    assert process.stdin is not None
    process.stdin.close()
    if not await watched.ended(_LEAVES_BY_ITSELF_S):
        watched.signal(signal.SIGTERM)
        if not await watched.ended(_LEAVES_WHEN_TOLD_S):
            watched.signal(signal.SIGKILL)
            await watched.ended(_LEAVES_WHEN_TOLD_S)
