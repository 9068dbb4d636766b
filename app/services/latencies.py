"""How long the tasks of many runs take: what a list shows of each, worked out once for each state that a run is in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from app.ports.store import SwarmRow, TaskStore

_KEPT = 2_000


class LatencyService:
    """Keeps what it has worked out: a run that has ended is read once, one that goes on when it has gone on."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._known: OrderedDict[str, tuple[int, float | None]] = OrderedDict()

    async def p95_ms(self, runs: Sequence[SwarmRow]) -> Mapping[str, float | None]:
        """Return the 95th percentile of the completed tasks of each run, None of a run that has none; one query."""
        known = {run.swarm_id: self._known.get(run.swarm_id, (-1, None)) for run in runs}
        changed = [run for run in runs if known[run.swarm_id][0] != run.last_seq]
        if changed:
            found = await self._tasks.p95_ms([run.swarm_id for run in changed])
            for run in changed:
                known[run.swarm_id] = self._known[run.swarm_id] = (run.last_seq, found.get(run.swarm_id))
                self._known.move_to_end(run.swarm_id)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return {swarm_id: value for swarm_id, (_, value) in known.items()}
