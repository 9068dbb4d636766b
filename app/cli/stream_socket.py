"""How sockets are served: uvicorn's protocol, hardened against clients that talk, or listen, as none should.

uvicorn alone would parse whatever comes as fast as it comes, keep pongs for a client that reads nothing, leave a
handshake that it cannot parse without an answer, and wait for ever to close a connection whose client reads nothing.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_POLICY_VIOLATION = 1008
_TALK_BYTES = 128 * 1024
_TALK_BYTES_PER_S = 16 * 1024
"""What a client may say, at once and in the long run. Clients of a stream have nothing to say, and tiny messages cost
so much more to parse than to send that one client could keep the loop from all others."""

_SEND_BUFFER_BYTES = 64 * 1024
"""Of the kernel; left to itself it holds megabytes for each client that does not read."""

_FLUSH_S = 15.0
"""How long a finished connection may take to send what is left; a little longer than uvicorn waits for the peer."""

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class StreamSocket(WebSocketsSansIOProtocol):
    """A socket of which only the sending side is used."""

    _said = 0.0
    _heard_at = 0.0
    _cut: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                self.transport.write(_BAD_REQUEST)
                self.transport.close()
            return
        now = self.loop.time()
        self._said = max(self._said - (now - self._heard_at) * _TALK_BYTES_PER_S, 0.0) + len(data)
        self._heard_at = now
        if self._said <= _TALK_BYTES:
            super().data_received(data)
        elif self.handshake_complete and not self.close_sent:
            self.conn.send_close(_POLICY_VIOLATION, "a stream takes no messages")
            self.handle_parser_exception()
        else:
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Drop the message: no stream takes any."""
        self.frames = []

    def handle_ping(self) -> None:
        """Answer, unless the client does not read: an endpoint may leave out all but the newest (RFC 6455, 5.5.3)."""
        output = self.conn.data_to_send()
        if self.writable.is_set():
            self.transport.write(b"".join(output))

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Closing waits until everything is sent, which a client that does not read can delay at will."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._cut = self.loop.call_later(_FLUSH_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)


OPTIONS: dict[str, Any] = {
    "ws": StreamSocket,
    "ws_max_size": 64 * 1024,  # bytes of one incoming message
    "ws_ping_interval": 20.0,  # seconds; a ping that cannot be delivered finds a dead connection
    "ws_ping_timeout": None,  # an answer is demanded of nobody
    "ws_per_message_deflate": False,
}
"""Settings of uvicorn for sockets."""
