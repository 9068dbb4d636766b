"""What a key may still spend today, for a single call outside any swarm."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Reservation:
    """The most a call may cost, on the account of its key; whoever makes the call sets ``spent_nano_usd``.

    Left alone, the whole reservation stays on the account: nobody knows the bill.
    """

    __slots__ = ("spent_nano_usd",)

    def __init__(self, most_nano_usd: int) -> None:
        self.spent_nano_usd = most_nano_usd


class AllowanceExceeded(Exception):
    """The call does not fit into what the key may spend today (``left_nano_usd``)."""

    def __init__(self, left_nano_usd: int) -> None:
        super().__init__(f"{left_nano_usd} nano-dollars are left today")
        self.left_nano_usd = left_nano_usd


class AllowanceBook(Protocol):
    async def is_capped(self, key_id: str | None) -> bool:
        """Return whether the key has a budget a day."""
        ...

    def reserve(self, key_id: str | None, most_nano_usd: int) -> AbstractAsyncContextManager[Reservation]:
        """Put the most that a call may cost on the account of its key while the call lasts.

        Raises:
            AllowanceExceeded: it does not fit; nothing was reserved.
        """
        ...
