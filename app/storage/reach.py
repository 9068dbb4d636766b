"""Whether a database on the network can be reached: one caller that waited in vain spares the next ones the wait."""

from __future__ import annotations

import time

from app.domain.errors import StoreUnavailable

_REST_S = 0.5
"""After a failure nobody tries for so long."""


class Reach:
    """Shared by writer and reader."""

    def __init__(self) -> None:
        self._rests_until = 0.0
        self._why = ""

    def check(self) -> None:
        """Raises StoreUnavailable shortly after a failure, with its reason."""
        if time.monotonic() < self._rests_until:
            raise StoreUnavailable(self._why)

    def failed(self, why: str) -> None:
        self._rests_until, self._why = time.monotonic() + _REST_S, why

    def worked(self) -> None:
        self._rests_until = 0.0
