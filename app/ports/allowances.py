"""What a caller may still spend: on its key's budget of the day, and from its tenant's prepaid credits."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Terms:
    """What the store says of an account: its cap (None for none) and what was spent of it up to now.

    ``reserved_nano_usd`` is what runs had reserved when the process ended that had them in hand: their calls may have
    been made, and others must not spend that before the runs are in hand again.
    """

    cap_nano_usd: int | None
    spent_nano_usd: int
    reserved_nano_usd: int = 0


class Reservation:
    """The most a call may cost, on the accounts that pay for it; whoever makes the call sets ``spent_nano_usd``.

    Left alone, the whole reservation stays on the accounts: nobody knows the bill. ``withdrawn`` is set where it was no
    call, and the cap has become less by it.
    """

    __slots__ = ("spent_nano_usd", "withdrawn")

    def __init__(self, most_nano_usd: int) -> None:
        self.spent_nano_usd = most_nano_usd
        self.withdrawn = False


class AllowanceExceeded(Exception):
    """The call does not fit into what the key may spend today (``left_nano_usd``)."""

    def __init__(self, left_nano_usd: int) -> None:
        super().__init__(f"{left_nano_usd} nano-dollars are left today")
        self.left_nano_usd = left_nano_usd


class AllowanceBook(Protocol):
    async def check(self, key_id: str | None, tenant_id: str) -> bool:
        """Return whether what the caller starts is paid from an account, so that its models need prices.

        Raises:
            CreditsUsedUp: the tenant has no prepaid credits left, so that nothing may be started.
        """
        ...

    def reserve(
        self, key_id: str | None, tenant_id: str, most_nano_usd: int
    ) -> AbstractAsyncContextManager[Reservation]:
        """Put the most that a call may cost on the accounts that pay for it while the call lasts.

        Raises:
            AllowanceExceeded: it does not fit into the key's budget of the day; nothing was reserved.
            CreditsUsedUp: nor into the tenant's credits.
        """
        ...
