"""The server's own ledger of calls: what fault tests compare the service's database with."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import orjson


class CallLog:
    """Appends one JSON line a call event, each by one ``write`` to a file opened with ``O_APPEND``.

    A line is in the kernel when ``write`` returns, so killing this process or its client at any instant loses no line
    and never interleaves two.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, event: str, call: Mapping[str, Any], **more: Any) -> None:
        """Append ``event`` (``received``, ``answered`` or ``dropped``) about ``call``."""
        line = {"n": call["n"], "t": time.time(), "event": event, **call, **more}
        os.write(self._fd, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        os.close(self._fd)
