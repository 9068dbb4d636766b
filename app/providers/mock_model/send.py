"""Writing an answer to the socket: at once, slowly, or broken off by a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

PACE_S = 0.05
"""A slow body is written in steps of this length, or of a byte where the pace is slower than that."""

SETTLE_S = 0.02
"""Time for half a body to reach the client before the connection is reset."""

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, ready to be written.

    Attributes:
        pieces: the body in the portions it is written in; more than one only for streams.
        stream: sent chunked, without a length.
        reset: ``before``, ``body`` or ``after``: where the connection is reset; None leaves it alone.
        stall: half of the body is written, and never the rest.
        slow_body: bytes a second; 0 is at once.
    """

    pieces: Sequence[bytes]
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    reset: str | None = None
    stall: bool = False
    slow_body: float = 0.0


async def send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Write ``answer``; returns when its bytes were handed to the socket."""
    if not (answer.stream or answer.reset or answer.stall or answer.slow_body):
        whole = web.Response(
            body=answer.pieces[0], status=answer.status, content_type=answer.content_type, headers=answer.headers
        )
        await whole.prepare(request)
        await whole.write_eof()
        return whole
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    if answer.reset == "before":
        _reset(request)
        return response
    body = b"".join(answer.pieces)
    pieces = answer.pieces
    if not answer.stream:
        response.content_length = len(body)
    if answer.reset == "body" or answer.stall:
        pieces = [body[: len(body) // 2]]
    await response.prepare(request)
    for piece in pieces:
        await _write(response, piece, answer.slow_body)
    if answer.stall:
        await asyncio.get_running_loop().create_future()
    if answer.reset is None:
        await response.write_eof()
        return response
    if answer.reset == "after":
        await response.write_eof()
    await asyncio.sleep(SETTLE_S)
    _reset(request)
    return response


async def _write(response: web.StreamResponse, piece: bytes, bytes_per_s: float) -> None:
    if not bytes_per_s:
        await response.write(piece)
        return
    step = max(1, int(bytes_per_s * PACE_S))
    for at in range(0, len(piece), step):
        part = piece[at : at + step]
        await asyncio.sleep(len(part) / bytes_per_s)
        await response.write(part)


def _reset(request: web.BaseRequest) -> None:
    """Close the connection with a TCP RST, as a crashed upstream or a middlebox does."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
