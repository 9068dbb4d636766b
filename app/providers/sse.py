"""Server-sent events as upstreams send them, read piece by piece (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from collections.abc import Sequence


class EventReader:
    """Cuts a byte stream into the data of its events; names and ids are not looked at.

    It keeps no more than the event that is not whole yet, so whoever feeds it bounds its memory.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """How much of an event is kept that is not whole yet."""
        return len(self._line) + self._data_bytes

    def feed(self, piece: bytes) -> Sequence[bytes]:
        """Return the data of the events that end in ``piece``; lines end with LF or CR LF."""
        if b"\n" not in piece:
            self._line += piece
            return ()
        self._line += piece
        whole, _, rest = bytes(self._line).rpartition(b"\n")
        self._line = bytearray(rest)
        events = []
        for line in whole.split(b"\n"):
            data = self._take(line.removesuffix(b"\r"))
            if data is not None:
                events.append(data)
        return events

    def end(self) -> bytes | None:
        """Return the data of a last event that no empty line ended, as some upstreams leave it."""
        data = self._take(bytes(self._line))
        self._line.clear()
        return data if data is not None else self._take(b"")

    def _take(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._data_bytes = self._data, [], 0
            return b"\n".join(data) if data else None
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._data_bytes += len(line)
        return None
