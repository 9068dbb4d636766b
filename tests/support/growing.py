"""What makes simulated runs grow: the work that planners give out, and the merges of what came of it.

Merges follow the real frontier (``app.scheduler.reducer``), so that a simulation also shows that its levels end.
"""

from __future__ import annotations

from random import Random
from typing import Any

from app.domain.facts import AggregateCompleted, CheckpointMade, MergesPlanned, NewTask
from app.domain.strategies import MODEL, Options
from app.domain.swarm import SwarmState
from app.domain.task import TaskKind, TaskSpec
from app.scheduler import reducer

LANE_OF = {"big": "kimi", "small": "deepseek", "judge": "kimi"}
"""The models of simulated runs, and the lane that serves each."""

CHAINED = '{"prompt":"x","route":{"chain":["small","big"],"roles":["coder"]}}'
"""A payload whose task goes to other models after repeated failure."""

MOST_TASKS = 60

Merging = AggregateCompleted | MergesPlanned | CheckpointMade | None


class Growth:
    """Draws new tasks for one run.

    Attributes:
        specs: every task ever drawn, by its name; no name is given twice, also not by a process that died.
    """

    def __init__(self, random: Random) -> None:
        self.specs: dict[str, TaskSpec] = {}
        self._random = random

    def work(self, state: SwarmState, least: int) -> tuple[NewTask, ...]:
        """What a planner gives out: a small DAG."""
        random = self._random
        count = max(least, min(random.randint(0, 9), MOST_TASKS - len(state.tasks)))
        drawn: list[NewTask] = []
        for _ in range(count):
            sources = random.sample(drawn, min(len(drawn), random.choice((0, 0, 1, 2))))
            drawn.append(
                self._new(
                    f"w{len(self.specs)}",
                    depends_on=tuple(source.spec.task_id for source in sources),
                    priority=random.randint(1, 10),
                    max_retries=random.randint(0, 3),
                    allow_failed_dependencies=random.random() < 0.3,
                    payload=random.choice(("{}", CHAINED)),
                )
            )
        return tuple(drawn)

    def reduce(self, state: SwarmState) -> Merging:
        """What the end of a run comes to: as ``Reducer.reduce``, with groups of two or three."""
        options = Options.of(state.spec.aggregate)
        if options.strategy not in MODEL:
            return AggregateCompleted("merged", {"strategy": options.strategy})
        if state.inner.open:
            return None
        nodes = reducer._frontier(state)
        assert nodes, "there is nothing to merge"
        if any(reducer._failed_now(task, state) for task in state.tasks):
            return AggregateCompleted(None, {"strategy": options.strategy, "status": "failed"})
        if len(nodes) == 1 and self._is_final(state, nodes[0]):
            return AggregateCompleted("merged", {"strategy": options.strategy, "status": "completed"})
        return MergesPlanned(self._merges(state, nodes, partly=False))

    def checkpoint(self, state: SwarmState) -> Merging:
        """What a checkpoint comes to: as ``Reducer.checkpoint``."""
        options = Options.of(state.spec.aggregate)
        made = CheckpointMade("so far", {"strategy": options.strategy, "status": "checkpoint"})
        if options.strategy not in MODEL:
            return made
        nodes = reducer._frontier(state)
        loose = [index for index in nodes if state.tasks[index].kind is TaskKind.TASK]
        if len(loose) >= 2 and not state.inner.open:
            return MergesPlanned(self._merges(state, loose, partly=True))
        return made if any(state.tasks[index].kind is TaskKind.MERGE for index in nodes) else None

    def _merges(self, state: SwarmState, nodes: list[int], *, partly: bool) -> tuple[NewTask, ...]:
        fan_in = self._random.randint(2, 3)
        groups = [nodes[at : at + fan_in] for at in range(0, len(nodes), fan_in)]
        final = len(groups) == 1 and not partly
        merges = []
        for group in groups:
            if len(group) > 1 or final:
                names = tuple(state.tasks[index].task_id for index in group)
                kind = "final_merge" if final else "merge"
                merges.append(self._new(f"m{len(self.specs)}", TaskKind.MERGE, type=kind, depends_on=names))
        assert merges, "a level merges nothing"
        return tuple(merges)

    def _is_final(self, state: SwarmState, index: int) -> bool:
        spec = self.specs.get(state.tasks[index].task_id)
        return spec is not None and spec.type == "final_merge"

    def _new(self, name: str, kind: TaskKind = TaskKind.TASK, **fields: Any) -> NewTask:
        model = self._random.choice(("big", "small"))
        spec = TaskSpec(task_id=name, kind=kind, lane=LANE_OF[model], requested_model=model, **fields)
        self.specs[name] = spec
        return NewTask(spec, LANE_OF[model], model)
