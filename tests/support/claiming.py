"""Admission used as a runner uses it."""

from __future__ import annotations

from collections import Counter

from app.ports.admission import CallOutcome, CallReport
from app.scheduler.admission import UNGROUPED, Admission, Claimant
from app.scheduler.lanes import LaneSettings
from tests.support.virtual_time import VirtualTime

LANE, OTHER_LANE = "one/m", "other/m"
OK = CallReport(CallOutcome.OK)


class Runner:
    """Uses admission as a runner does: asks for what it could start, runs what it is granted, gives slots back."""

    def __init__(
        self,
        admission: Admission,
        group: str = UNGROUPED,
        priority: int = 5,
        tenant: str = "default",
        tokens: int = 0,
        key_id: str | None = None,
    ) -> None:
        self.admission = admission
        self.claimant = Claimant(group, self._wake, tenant=tenant, key_id=key_id)
        self.priority = priority
        self.tokens = tokens
        self.waiting: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.woken = 0
        self.started: list[str] = []

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, lane: str = LANE, more: int = 0) -> None:
        """Want ``more`` slots beside what is wanted already, and start what is granted."""
        self.waiting[lane] += more
        self._start()
        self.admission.demand(self.claimant, lane, self.waiting[lane], self.priority, self.tokens)
        self._start()

    def look(self) -> None:
        """Start what was granted since; as a runner that was woken does."""
        self._start()
        for lane in self.waiting:
            self.admission.demand(self.claimant, lane, self.waiting[lane], self.priority, self.tokens)
        self._start()

    def _start(self) -> None:
        for lane, count in self.claimant.take().items():
            used = min(count, self.waiting[lane])
            self.waiting[lane] -= used
            self.running[lane] += used
            self.started += [lane] * used
            self.admission.release(self.claimant, lane, count=count - used)

    def end(self, count: int = 1, lane: str = LANE, report: CallReport = OK) -> list[bool]:
        count = min(count, self.running[lane])
        self.running[lane] -= count
        return [self.admission.release(self.claimant, lane, report) for _ in range(count)]

    def leave(self) -> None:
        self.running.clear()
        self.waiting.clear()
        self.admission.leave(self.claimant)


def admission(limit: int = 10, time: VirtualTime | None = None) -> Admission:
    time = time or VirtualTime()
    return Admission(lambda _: LaneSettings(max_concurrency=limit, breaker_failures=5), time, time.call_later)
