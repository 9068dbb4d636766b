"""What pays for one run, as its runner sees it: the accounts of its key and of its tenant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from app.domain.swarm import PAUSED_BY_FUNDS, PAUSED_BY_KEY, SwarmState
from app.ports.runs import RunStore
from app.scheduler.allowances import Allowances, Funds


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
