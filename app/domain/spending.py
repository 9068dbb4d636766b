"""Reserving for calls and settling them: the caps of a run, of its sub-agents, and of the accounts that pay for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain import budget, parts
from app.domain.budget import WorstCase, dollars
from app.domain.journal import TOOLS
from app.domain.retry import TaskError
from app.domain.swarm import PAUSED_BY_BUDGET, PAUSED_BY_CREDITS, PAUSED_BY_KEY, SwarmState
from app.domain.task import TaskKind, TaskState, TaskStatus

TOKEN_BUDGET = "token_budget"  # noqa: S105 - no secret
BUDGET_EXCEEDED = "budget_exceeded"

_NOTHING = WorstCase(prompt_tokens=0, output_tokens=0, cost_nano_usd=0)
_SCHEMA_BYTES = 1_000
"""The words around a schema."""

_LEFT = {
    PAUSED_BY_KEY: "the key that started the run may spend {} more today",
    PAUSED_BY_CREDITS: "{} of the tenant's prepaid credits are free; the run goes on by itself once there are more",
}

ANYTHING = 2**63
"""More nano-dollars than any cap: what a call may cost whose price is unknown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call does not fit.

    Attributes:
        reason: ``PAUSED_BY_BUDGET``, ``PAUSED_BY_KEY`` or ``PAUSED_BY_CREDITS``.
        detail: for people, with the figures.
        needed_nano_usd: what the call may cost.
    """

    reason: str
    detail: str
    needed_nano_usd: int = 0


def worst_case_of(state: SwarmState, task: TaskState) -> WorstCase:
    """Return the most the task's next call may use, with the outputs it will be sent; O(its dependencies)."""
    if task.next_model == TOOLS:
        return _NOTHING
    spec = state.spec
    per_agent = state.budget.per_agent_tokens if state.budget else None
    payload = budget.sendable(task.payload) if task.kind is TaskKind.PLANNER else task.payload
    picture_tokens = 0
    if spec.pictures:
        payload, picture_tokens = parts.measured(payload, state.part_tokens.get(task.model, parts.UNKNOWN_PART_TOKENS))
    if state.beside_bytes is None:
        state.beside_bytes = spec.shared_bytes + spec.instruction_bytes
    beside = state.beside_bytes + task.journal_bytes
    if '"output_schema":' in payload:  # it stands in the words and in the request's format
        beside += len(payload.encode()) + _SCHEMA_BYTES
    max_output_tokens, _ = budget.caps_of(payload, spec.max_output_tokens, per_agent)
    sources = [state.tasks[index] for index in state.graph.dependencies[task.index]]
    shortened = spec.context_window is not None
    inputs = sum(
        budget.input_bytes(source.task_id, source.output_bytes, shortened=shortened)
        for source in sources
        if source.status is TaskStatus.COMPLETED
    )
    return budget.worst_case(
        shared_bytes=beside,
        task_id=task.task_id,
        payload=payload,
        inputs_bytes=inputs + task.outer_bytes,
        shortened=shortened,
        max_output_tokens=max_output_tokens,
        price=state.prices.get(task.model),
        picture_tokens=picture_tokens,
    )


def over_token_budget(state: SwarmState, task: TaskState, case: WorstCase) -> TaskError | None:
    """Return why the sub-agent's own tokens do not suffice for its next call."""
    per_agent = state.budget.per_agent_tokens if state.budget else None
    _, cap = budget.caps_of(task.payload, state.spec.max_output_tokens, per_agent)
    used = task.tokens_used + task.reserved_tokens  # the latter: of the straggler that a hedge is meant for
    if cap is None or used + case.tokens <= cap:
        return None
    message = (
        f"the next call may use {case.prompt_tokens} + {case.output_tokens} tokens (prompt + completion) and "
        f"{used} are used of the sub-agent's {cap}; raise the budget or lower max_output_tokens"
    )
    return TaskError(type=TOKEN_BUDGET, message=message)


def refusal(
    state: SwarmState, task: TaskState, case: WorstCase, allowance_nano_usd: int | None, payer: str = PAUSED_BY_KEY
) -> Refusal | None:
    """Return why a call may not be made now, None where it fits into every cap.

    Args:
        allowance_nano_usd: what the account ``payer`` may still spend (see ``SlotsGranted``).
    """
    caps = state.budget
    cost, tokens = state.spent_nano_usd, state.spent_tokens
    call = f"the next call (task {task.task_id!r}) may "
    if caps is not None and caps.max_cost_nano_usd is not None:
        if state.prices.get(task.model) is None:
            return Refusal(PAUSED_BY_BUDGET, f"{call}cost anything: the model {task.model!r} has no price")
        if cost + case.cost_nano_usd > caps.max_cost_nano_usd:
            figures = f"{dollars(cost)} of {dollars(caps.max_cost_nano_usd)} is spent{_unknown(state)}"
            return Refusal(PAUSED_BY_BUDGET, f"{call}cost up to {dollars(case.cost_nano_usd)}; {figures}")
    if caps is not None and caps.max_tokens is not None and tokens + case.tokens > caps.max_tokens:
        figures = f"{tokens} of {caps.max_tokens} are used"
        return Refusal(PAUSED_BY_BUDGET, f"{call}use up to {case.tokens} tokens; {figures}")
    if allowance_nano_usd is not None:
        if state.prices.get(task.model) is None:
            detail = f"{call}cost anything: the model {task.model!r} has no price"
            return Refusal(payer, detail, ANYTHING)
        if case.cost_nano_usd > allowance_nano_usd:
            left = _LEFT[payer].format(dollars(max(allowance_nano_usd, 0)))
            return Refusal(payer, f"{call}cost up to {dollars(case.cost_nano_usd)}; {left}", case.cost_nano_usd)
    return None


def reserve(state: SwarmState, task: TaskState, case: WorstCase) -> None:
    """Put one more call of the running attempt on the account."""
    task.reserved_nano_usd += case.cost_nano_usd
    task.reserved_tokens += case.tokens
    state.reserved_nano_usd += case.cost_nano_usd
    state.reserved_tokens += case.tokens


def reserve_lost(state: SwarmState, stand_ins: Mapping[str, Sequence[str]]) -> None:
    """Put on the account what a process that is gone had reserved for the attempts that ran.

    It left no word of which model served an attempt and whether a second call was made. The dearest is assumed, and
    two calls, but no more than the caps leave: it had reserved within them.
    """
    running = [task for task in state.tasks if task.status is TaskStatus.RUNNING]
    own = [worst_case_of(state, task) for task in running]
    for task, case in zip(running, own, strict=True):
        reserve(state, task, case)
    hedged = state.spec.retry.hedge_percentile is not None
    for task, case in zip(running, own, strict=True):
        cases = [case]
        before, judge = task.routed_model, (state.spec.validation or {}).get("model")
        for stand_in in (*stand_ins.get(task.requested_model or "", ()), *([judge] if judge and task.step else ())):
            task.routed_model = stand_in
            cases.append(worst_case_of(state, task))
        task.routed_model = before
        calls = 2 if hedged else 1
        cost_nano_usd = max(other.cost_nano_usd for other in cases) * calls - case.cost_nano_usd
        reserve(state, task, _within_caps(state, task, cost_nano_usd, case.tokens * (calls - 1)))


def _within_caps(state: SwarmState, task: TaskState, cost_nano_usd: int, tokens: int) -> WorstCase:
    caps = state.budget or budget.Budget()
    _, own_cap = budget.caps_of(task.payload, state.spec.max_output_tokens, caps.per_agent_tokens)
    if caps.max_cost_nano_usd is not None:
        cost_nano_usd = min(cost_nano_usd, max(caps.max_cost_nano_usd - state.spent_nano_usd, 0))
    if state.funded:  # the accounts hold what was reserved, and no more may be said to be lost
        cost_nano_usd = min(cost_nano_usd, max(state.left_reserved_nano_usd - state.reserved_nano_usd, 0))
    if caps.max_tokens is not None:
        tokens = min(tokens, max(caps.max_tokens - state.spent_tokens, 0))
    if own_cap is not None:
        tokens = min(tokens, max(own_cap - task.tokens_used - task.reserved_tokens, 0))
    return WorstCase(prompt_tokens=tokens, output_tokens=0, cost_nano_usd=cost_nano_usd)


def settle(state: SwarmState, task: TaskState, tokens: int, cost_nano_usd: int, *, settled: bool) -> int:
    """Take one call of the attempt off the account; return what stays on it if the call is not ``settled``.

    Args:
        tokens: that the call is known to have used, and ``cost_nano_usd`` what it is known to have cost.
    """
    share_nano_usd, share_tokens = task.reserved_nano_usd // task.calls, task.reserved_tokens // task.calls
    lost_nano_usd = 0 if settled else max(share_nano_usd - cost_nano_usd, 0)
    lost_tokens = 0 if settled else max(share_tokens - tokens, 0)
    state.unsettled_nano_usd += lost_nano_usd
    state.unsettled_tokens += lost_tokens
    state.reserved_nano_usd -= share_nano_usd
    state.reserved_tokens -= share_tokens
    task.reserved_nano_usd -= share_nano_usd
    task.reserved_tokens -= share_tokens
    task.tokens_used += tokens + lost_tokens
    task.calls -= 1
    state.blocked = False
    return lost_nano_usd


def write_off(state: SwarmState, task: TaskState) -> int:
    """Settle the attempt's calls that are given up: nobody will know their bills.

    Returns:
        What stays on the account of all calls of the attempt.
    """
    return task.lost_nano_usd + sum(settle(state, task, 0, 0, settled=False) for _ in range(task.calls))


def _unknown(state: SwarmState) -> str:
    if not state.unsettled_nano_usd:
        return ""
    return f", {dollars(state.unsettled_nano_usd)} of it the most that calls with an unknown bill may have cost"
