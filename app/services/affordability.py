"""What is refused before a run starts, since it could not be carried out within its limits."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain import budget, parts
from app.domain.errors import InvalidRequest
from app.domain.retry import RetryPolicy
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind, TaskSpec
from app.ports.provider import Route


def refuse_unpriced(routes: Sequence[Route], pointer: str) -> None:
    """Raises InvalidRequest where money is capped and a model has no price: its calls could cost anything."""
    for route in routes:
        if route.price is None:
            detail = (
                f"money is capped, but the model {route.model!r} has no price; set one with PUT /v1/prices "
                f'or [prices."{route.model}"] in the configuration file'
            )
            raise InvalidRequest.field(pointer, detail)


def refuse_endless_retries(spec: SwarmSpec) -> None:
    """Raises InvalidRequest where the delays between a task's attempts alone outlive the run."""
    least_s = spec.retry.least_wait_s
    asked = spec.retry != RetryPolicy()  # nobody asked for the delays of the default policy: the timeout may cut it off
    if asked and spec.timeout_s is not None and least_s >= spec.timeout_s:
        detail = (
            f"the delays of {spec.retry.max_retries} retries take {least_s:g} s or more, but the run's timeout_s is "
            f"{spec.timeout_s:g}; lower max_retries or base_delay_s, or raise limits.timeout_s"
        )
        raise InvalidRequest.field("/retry", detail)


def refuse_unfitting(spec: SwarmSpec, tasks: Sequence[TaskSpec], routes: Sequence[Route]) -> None:
    """Raises InvalidRequest naming the first task whose call cannot fit into a cap even if nothing else were spent."""
    caps = spec.budget or budget.Budget()
    shared_bytes = spec.shared_bytes + spec.instruction_bytes
    for index, (task, route) in enumerate(zip(tasks, routes, strict=True)):
        payload = budget.sendable(task.payload) if task.kind is TaskKind.PLANNER else task.payload
        payload, picture_tokens = parts.measured(payload, route.part_tokens)
        max_output_tokens, own_cap = budget.caps_of(payload, spec.max_output_tokens, caps.per_agent_tokens)
        case = budget.worst_case(
            shared_bytes=shared_bytes,
            task_id=task.task_id,
            payload=payload,
            inputs_bytes=0,
            shortened=False,
            max_output_tokens=max_output_tokens,
            price=route.price,
            picture_tokens=picture_tokens,
        )
        tokens = f"one call may use {case.prompt_tokens} + {case.output_tokens} tokens (prompt + completion)"
        advice = "raise the cap or lower the task's max_output_tokens"
        pointer = f"/tasks/{index}"
        if own_cap is not None and case.tokens > own_cap:
            raise InvalidRequest.field(pointer, f"{tokens}, its sub-agent's budget is {own_cap}; {advice}")
        if caps.max_tokens is not None and case.tokens > caps.max_tokens:
            raise InvalidRequest.field(pointer, f"{tokens}, budget.max_tokens is {caps.max_tokens}; {advice}")
        if caps.max_cost_nano_usd is not None and case.cost_nano_usd > caps.max_cost_nano_usd:
            figures = f"{budget.dollars(case.cost_nano_usd)}, budget.max_cost_usd is"
            cap = budget.dollars(caps.max_cost_nano_usd)
            raise InvalidRequest.field(pointer, f"one call may cost up to {figures} {cap}; {advice}")
