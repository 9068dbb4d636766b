"""What pays for one run, as its runner sees it: the accounts of its key and of its tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.facts import SlotsGranted
from app.domain.swarm import AT_WORK, PAUSED_BY_FUNDS, PAUSED_BY_KEY, SwarmState
from app.ports.holdings import Payment
from app.ports.runs import RunStore
from app.scheduler.allowances import Allowances, Funds

_log = structlog.get_logger(__name__)

_AGAIN_S = 1.0


class Purse:
    """Counts what a run spends and reserves on the accounts that pay for it, and waits for them to suffice."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances
        self._funds: Funds | None = None
        self._counted = (0, 0)
        self._waiting = ExitStack()

    async def open(self, state: SwarmState, runs: RunStore) -> None:
        """Find out whether calls are to be reserved for: by the run's own caps, its key's, or its tenant's credits."""
        self._funds = await self._allowances.open(state.key_id, state.tenant_id)
        capped_by_itself = state.budget is not None or state.spec.token_budgets
        state.funded = self._funds is not None
        if state.funded and not capped_by_itself and state.key_id is None:
            # ``load`` asks for the sizes of outputs only where it can tell that they will be needed.
            for index, size in (await runs.output_bytes(state.swarm_id)).items():
                state.tasks[index].output_bytes = size
        state.capped = capped_by_itself or state.funded
        # An account that was opened since the process began holds what the run had reserved when the last one ended.
        held = state.left_reserved_nano_usd
        self._counted = (state.spent_nano_usd + held, state.reserved_nano_usd + held)

    def count(self, state: SwarmState) -> None:
        """Put on the accounts what the run has spent or reserved since the last time."""
        if self._funds is not None:
            now = (state.spent_nano_usd, state.reserved_nano_usd)
            spent, reserved = now[0] - self._counted[0], now[1] - self._counted[1]
            self._counted = now
            if spent or reserved:
                self._allowances.add(self._funds, spent, reserved)

    def left(self) -> tuple[int | None, str]:
        """Return what may still be spent, None for any sum, and whose account is the scarcest (``SlotsGranted``)."""
        return (None, PAUSED_BY_KEY) if self._funds is None else self._allowances.left(self._funds)

    async def start(
        self,
        state: SwarmState,
        lane: str,
        count: int,
        step: Callable[[SlotsGranted], int],
        again: Callable[[], None],
    ) -> int:
        """Let up to ``count`` calls of a lane start, and return how many did.

        Where accounts are shared with other nodes and what is held here does not suffice, more is asked for before the
        run is refused any.

        Args:
            step: tells how many calls the fact let start.
            again: called a little later where nobody knows what is left.
        """
        funds = self._funds
        if funds is None or not self._allowances.asks:
            return step(SlotsGranted(lane, count, *self.left()))
        if state.status in AT_WORK:
            state.needed_nano_usd = 0
        used = step(SlotsGranted(lane, count, *self.left(), asks=True))
        while state.needed_nano_usd and state.status in AT_WORK:
            needed, state.needed_nano_usd = state.needed_nano_usd, 0
            try:  # a run that would pause waits a moment for what others hold
                more = await self._allowances.more(funds, needed, count - used, patient=not state.running)
            except StoreUnavailable as exc:
                _log.error("money_not_asked", swarm_id=state.swarm_id, error=exc.detail)
                asyncio.get_running_loop().call_later(_AGAIN_S, again)
                break
            left = self.left() if more else self._allowances.lacking(funds)
            used += step(SlotsGranted(lane, count - used, *left, asks=more))
        return used

    @property
    def owes(self) -> bool:
        """Whether a commit has to pay for what is under way."""
        return bool(self.payments())

    def payments(self) -> Sequence[Payment]:
        """Return what the next commit has to pay."""
        return () if self._funds is None else self._allowances.payments(self._funds)

    def settle(self) -> None:
        """Hear that what was counted is committed, or that there will be no further commit."""
        if self._funds is not None:
            self._allowances.settle(self._funds)

    def watch(self, state: SwarmState, suffices: Callable[[], None]) -> None:
        """Call ``suffices`` once there is enough for a run that an account paused; else wait for nothing more."""
        self.close()
        if state.pause_reason in PAUSED_BY_FUNDS:
            if self._funds is None:  # the cap was lifted since
                suffices()
            else:
                self._waiting.enter_context(self._allowances.waiting(self._funds, state.needed_nano_usd, suffices))

    def close(self) -> None:
        """Wait for nothing more."""
        self._waiting.close()
