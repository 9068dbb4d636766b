"""Merges the outputs of a run: at its end, and in between where checkpoints were asked for.

What needs no model is computed here. What does becomes merge tasks of the run (``TaskKind.MERGE``), so that merges are
journaled, limited, budgeted and retried like everything else; each depends on the outputs that it merges. Levels follow
from the graph alone: the frontier is what completed and no merge has taken in yet, and once a single final merge is
left, its output is the answer. So a restart in the middle of a merge goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import orjson

from app.domain.aggregate import COMPLETED, MODEL, SYNTHESIS, VOTES, Merged, Options, Part, merge
from app.domain.assigning import dumped
from app.domain.facts import AggregateCompleted, CheckpointMade, MergesPlanned
from app.domain.growth import unique_id
from app.domain.swarm import SUPERVISOR, SwarmState
from app.domain.task import TERMINAL, TaskKind, TaskSpec, TaskState, TaskStatus
from app.domain.usage import usd
from app.domain.voting import Tally
from app.ports.provider import Models
from app.ports.store import TaskFilter, TaskRow, TaskStore
from app.scheduler.growing import Growing
from app.scheduler.merging import ITEM_OVERHEAD_TOKENS, Group, MergeKind, estimate_tokens, groups, merge_prompt

UNKNOWN_CONTEXT_TOKENS = 32_768
"""What a model whose context window nobody knows is taken to hold."""

_PAGE = 1000
_BYTES_PER_TOKEN = 3
_WORDS_AROUND_TOKENS = 1_500
"""The service's own words of a merging call, its goal and instructions aside."""

_MERGE_TIMEOUT_S = 300.0
_FIRST, _ROLE = 10, "synthesizer"
_MERGE_TYPE, _FINAL_TYPE, _PART_TYPE = "merge", "final_merge", "checkpoint_merge"


class Reducer:
    def __init__(self, tasks: TaskStore, models: Models, growing: Growing) -> None:
        self._tasks = tasks
        self._models = models
        self._growing = growing

    async def reduce(self, state: SwarmState) -> AggregateCompleted | MergesPlanned | None:
        """Return the merged value of all completed tasks and what is missing from it, or the merges to run first.

        None while merges are under way: they are looked at once they have ended.
        """
        options = Options.of(state.spec.aggregate)
        if options.strategy not in MODEL:
            merged, aggregation = await self._locally(state, options)
            if aggregation["status"] == COMPLETED and aggregation["missing"] and not state.decided:
                aggregation["status"] = "partial"
            return AggregateCompleted(merged.value, aggregation)
        if state.inner.open:
            return None
        nodes = _frontier(state)
        rows = await self._rows(state)
        failed = [task for task in state.tasks if _failed_now(task, state) and rows[task.index].type != _PART_TYPE]
        aggregation = _aggregation(state, options, rows)
        if failed:
            error = (rows[failed[0].index].error or {}).get("message", "the run was stopped")
            return AggregateCompleted(None, aggregation | {"status": "failed", "error": f"a merge failed: {error}"})
        if len(nodes) == 1 and rows[nodes[0]].type == _FINAL_TYPE:
            return AggregateCompleted(rows[nodes[0]].output, aggregation)
        return await self._merges(state, options, nodes, rows, aggregation)

    async def checkpoint(self, state: SwarmState) -> CheckpointMade | MergesPlanned | None:
        """Return what there is so far as one value, or the merges that make it; None where there is nothing new."""
        options = Options.of(state.spec.aggregate)
        if options.strategy not in MODEL:
            merged, aggregation = await self._locally(state, options)
            return CheckpointMade(merged.value, aggregation | {"status": "checkpoint"})
        nodes = _frontier(state)
        rows = await self._rows(state)
        # What has completed since the last commit is not in the store yet.
        loose = [index for index in nodes if state.tasks[index].kind is TaskKind.TASK and index in rows]
        merged_nodes = [index for index in nodes if state.tasks[index].kind is TaskKind.MERGE and index in rows]
        aggregation = _aggregation(state, options, rows, _sources(state, merged_nodes)) | {"status": "checkpoint"}
        merging = any(task.kind is TaskKind.MERGE and task.status not in TERMINAL for task in state.tasks)
        if len(loose) >= max(options.checkpoint_every or 0, 2) and not merging:
            planned = await self._merges(state, options, loose, rows, aggregation, partly=True)
            return planned if isinstance(planned, MergesPlanned) else None
        merged_outputs = [rows[index].output for index in merged_nodes]
        if not merged_outputs:
            return None
        value = merged_outputs[0] if len(merged_outputs) == 1 else "\n\n".join(map(_text, merged_outputs))
        return CheckpointMade(value, aggregation)

    def failed(self, state: SwarmState, error: str) -> AggregateCompleted:
        """Return the outcome of a merge that could not be made."""
        aggregation = _aggregation(state, Options.of(state.spec.aggregate), {})
        return AggregateCompleted(None, aggregation | {"status": "failed", "error": error})

    async def tally(self, state: SwarmState) -> Tally | None:
        """Return the count of a vote so far, for a run that may end once it is decided; None for any other.

        A client of an orchestrator asked for one output for each task, so there a decided vote stops nothing.
        """
        options = Options.of(state.spec.aggregate)
        if options.strategy not in VOTES or state.spec.kind != "swarm" or state.decided or state.planner is not None:
            return None
        tally = Tally.of(options, [task.weight for task in state.tasks])
        rows = await self._rows(state, TaskKind.TASK) if state.counts.open < state.counts.total else {}
        for row in sorted(rows.values(), key=lambda row: row.ended_at_ms or 0):
            if row.status is TaskStatus.COMPLETED:
                tally.vote(row.index, row.output, row.score)
            else:
                tally.lost(row.index)
        return tally

    # --- without a model ---------------------------------------------------------------------------------------------

    async def _locally(self, state: SwarmState, options: Options) -> tuple[Merged, dict[str, Any]]:
        rows = [row for row in (await self._rows(state, TaskKind.TASK)).values() if row.output_json is not None]
        merged = await asyncio.to_thread(_merged, options, rows)
        aggregation = _aggregation(state, options, {}, {row.index for row in rows})
        aggregation |= {"status": merged.status, "agreement": merged.agreement, "error": merged.error}
        if merged.votes is not None:
            aggregation["votes"] = list(merged.votes)
        return merged, aggregation

    async def _rows(self, state: SwarmState, kind: TaskKind | None = None) -> dict[int, TaskRow]:
        """Return the ended tasks by index."""
        rows: dict[int, TaskRow] = {}
        cursor: str | None = None
        while True:
            page = await self._tasks.list(state.swarm_id, TaskFilter(kind=kind), limit=_PAGE, cursor=cursor)
            rows |= {row.index: row for row in page.items if row.status in TERMINAL}
            cursor = page.next_cursor
            if cursor is None:
                return rows

    # --- with one ----------------------------------------------------------------------------------------------------

    async def _merges(
        self,
        state: SwarmState,
        options: Options,
        nodes: Sequence[int],
        rows: dict[int, TaskRow],
        aggregation: dict[str, Any],
        *,
        partly: bool = False,
    ) -> MergesPlanned | AggregateCompleted:
        spec = state.spec
        route = await self._models.resolve(options.model or spec.model)
        context = route.context_tokens or UNKNOWN_CONTEXT_TOKENS
        instructions = options.prompt or _synthesis(state, rows)
        total = context - _WORDS_AROUND_TOKENS - _words_bytes(state, options, instructions) // _BYTES_PER_TOKEN
        # Two merged outputs, an eighth more and their overhead fit one call, so that levels end: ``merging.groups``.
        max_output = max(min(spec.max_output_tokens, context // 4, (total - 2 * ITEM_OVERHEAD_TOKENS) * 4 // 13), 1)
        room = total - max_output
        sizes = [_tokens(rows[index]) for index in nodes]
        found = groups(sizes, room_tokens=room, fan_in=options.batch_size) if room > 0 else []
        final = len(found) == 1 and not partly and not found[0].oversized
        # Where no two outputs fit one call, each is made shorter by a call of its own first.
        singles = not partly and all(len(group.members) == 1 for group in found)
        condensed = {group.members[0] for group in found if singles and _may_condense(state, nodes, group)}
        if not final and not condensed and (_is_stuck(state, nodes, found) or not found):
            error = f"the context of {route.model!r}, {context} tokens, is too small to merge two outputs in one call"
            return AggregateCompleted(None, aggregation | {"status": "failed", "error": error})
        specs: list[TaskSpec] = []
        taken = {task.task_id for task in state.tasks}
        kind = _FINAL_TYPE if final else _PART_TYPE if partly else _MERGE_TYPE
        for group in found:
            alone = len(group.members) == 1 and not final and not group.oversized
            if alone and group.members[0] not in condensed:
                continue  # nothing to merge it with in this level
            members = [nodes[member] for member in group.members]
            payload = _payload(state, options, members, group, instructions, room, final=final)
            payload["max_output_tokens"] = max_output
            task_id = unique_id(taken, f"~{kind}-{len(state.tasks) + len(specs)}")
            specs.append(_task(state, options, task_id, kind, members, payload))
        return MergesPlanned(await self._growing.placed(specs, spec.model))


def _merged(options: Options, rows: Sequence[TaskRow]) -> Merged:
    parts = [
        Part(row.task_id, row.role, row.output, 1.0 if row.weight is None else row.weight, row.score, row.ended_at_ms)
        for row in rows
    ]
    merged = merge(options, parts)
    orjson.dumps(merged.value)  # stored next; a value that cannot be must fail here, not in the commit
    return merged


def _frontier(state: SwarmState) -> list[int]:
    """Return what completed, in order, and no merge has taken in that completed or still may."""
    taken: set[int] = set()
    for task in state.tasks:
        if task.kind is TaskKind.MERGE and (task.status is TaskStatus.COMPLETED or task.status not in TERMINAL):
            taken.update(state.graph.dependencies[task.index])
    return [
        task.index
        for task in state.tasks
        if task.status is TaskStatus.COMPLETED and task.kind is not TaskKind.PLANNER and task.index not in taken
    ]


def _failed_now(task: TaskState, state: SwarmState) -> bool:
    """Whether a merge failed since the run was started or last retried."""
    ended_in_vain = task.status in TERMINAL and task.status is not TaskStatus.COMPLETED
    return task.kind is TaskKind.MERGE and ended_in_vain and task.queued_at_ms >= state.started_at_ms


def _sources(state: SwarmState, merges: Sequence[int]) -> set[int]:
    """Return the tasks whose outputs went into these merges, through however many levels."""
    found: set[int] = set()
    left = list(merges)
    while left:
        for index in state.graph.dependencies[left.pop()]:
            if state.tasks[index].kind is TaskKind.MERGE:
                left.append(index)
            else:
                found.add(index)
    return found


def _aggregation(
    state: SwarmState, options: Options, rows: dict[int, TaskRow], merged: Collection[int] | None = None
) -> dict[str, Any]:
    """Return what is told of a merge.

    Args:
        merged: tasks whose outputs are in it; None for all that completed. While a run goes on, more of them complete
            between the look at the store and this.
    """
    own = [task for task in state.tasks if task.kind is TaskKind.TASK]
    if merged is None:
        merged = {task.index for task in own if task.status is TaskStatus.COMPLETED}
    missing = [task.task_id for task in own if task.index not in merged]
    merges = [rows[task.index] for task in state.tasks if task.kind is TaskKind.MERGE and task.index in rows]
    return {
        "strategy": options.strategy,
        "status": "partial" if missing else COMPLETED,
        "inputs": len(own) - len(missing),
        "missing": missing,
        "agreement": None,
        "cost_usd": usd(sum(row.cost_nano_usd or 0 for row in merges)),
        "error": None,
    }


def _synthesis(state: SwarmState, rows: dict[int, TaskRow]) -> str | None:
    """How the plan says its outputs are to be merged."""
    if state.spec.planner != SUPERVISOR or 0 not in rows:
        return None
    plan = rows[0].output
    found = plan.get("synthesis") if isinstance(plan, dict) else None
    return found if isinstance(found, str) else None


def _words_bytes(state: SwarmState, options: Options, instructions: str | None) -> int:
    """Return the UTF-8 bytes of what others wrote and every merging call is sent beside the outputs."""
    spec = state.spec
    role = spec.roles.get(_ROLE) or {}
    texts = [spec.system_prompt, spec.shared_context, spec.goal, instructions, role.get("system_prompt")]
    schema = b"" if options.output_schema is None else orjson.dumps(options.output_schema)
    return len(schema) + sum(len(text.encode()) for text in texts if text)


def _tokens(row: TaskRow) -> int:
    return estimate_tokens(len((row.output_json or "").encode()), row.usage.completion_tokens)


def _payload(
    state: SwarmState,
    options: Options,
    members: Sequence[int],
    group: Group,
    instructions: str | None,
    room: int,
    *,
    final: bool,
) -> dict[str, Any]:
    level = 2 if any(state.tasks[index].kind is TaskKind.MERGE for index in members) else 1
    kind: MergeKind = "synthesis" if options.strategy == SYNTHESIS else "hierarchical"
    payload: dict[str, Any] = {
        "prompt": merge_prompt(kind, instructions, state.spec.goal, level, final),
        "role": _ROLE,
    }
    if group.oversized:
        payload["inputs_bytes"] = room * _BYTES_PER_TOKEN
    if final and options.output_schema is not None:
        payload["output_schema"] = options.output_schema
    return payload


def _may_condense(state: SwarmState, nodes: Sequence[int], group: Group) -> bool:
    """Whether an output that nothing fits beside was not made shorter yet."""
    task = state.tasks[nodes[group.members[0]]]
    return not group.oversized and not (task.kind is TaskKind.MERGE and len(state.graph.dependencies[task.index]) == 1)


def _is_stuck(state: SwarmState, nodes: Sequence[int], found: Sequence[Group]) -> bool:
    """Whether another level comes no nearer: nothing to put together, or an output that shortening left too long."""
    for group in found:
        task = state.tasks[nodes[group.members[0]]]
        if group.oversized and task.kind is TaskKind.MERGE and len(state.graph.dependencies[task.index]) == 1:
            return True
    return not any(group.oversized or len(group.members) > 1 for group in found)


def _task(
    state: SwarmState, options: Options, task_id: str, kind: str, members: Sequence[int], payload: dict[str, Any]
) -> TaskSpec:
    return TaskSpec(
        task_id=task_id,
        kind=TaskKind.MERGE,
        type=kind,
        role=_ROLE,
        priority=_FIRST,
        requested_model=options.model,
        timeout_s=_MERGE_TIMEOUT_S,
        max_retries=state.spec.retry.max_retries,
        depends_on=tuple(state.tasks[index].task_id for index in members),
        payload=dumped(payload),
    )


def _text(output: Any) -> str:
    return output if isinstance(output, str) else orjson.dumps(output).decode()
