"""What is to be said of a graph before it is run: ``POST /v1/graphs/validate``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from app.api.deps import Caller, Services
from app.api.schemas.graphs import GraphIn
from app.api.schemas.insights import simulation_json
from app.api.schemas.tasks import TaskIn
from app.api.starting import called, compose, of_what_was_sent
from app.api.strict_json import field_errors, validate
from app.domain.errors import CreditsUsedUp, CycleError, FieldError, InvalidRequest, SwarmdError, UnknownReference
from app.domain.graph import Graph
from app.domain.task import TaskSpec

_MAX_PROBLEMS = 50


async def report_on(services: Services, caller: Caller, value: dict[str, Any]) -> dict[str, Any]:
    """Return all that ``POST /v1/swarms`` would find wrong with a body, or what it would start.

    Problems of the form of fields are reported together; the checks that follow each need the one before.

    Raises:
        StoreUnavailable: the database could not be read.
    """
    report: dict[str, Any] = {
        "valid": False,
        "problems": [],
        "warnings": [],
        "task_count": None,
        "levels": None,
        "widths": None,
        "prediction": None,
    }
    try:
        await _check(services, caller, value, report)
    except (InvalidRequest, UnknownReference) as exc:
        report["problems"] = _problems(exc)
    else:
        report["valid"] = True
    return report


async def _check(services: Services, caller: Caller, value: dict[str, Any], report: dict[str, Any]) -> None:
    warnings: list[str] = report["warnings"]
    tasks = value.get("tasks")
    if isinstance(tasks, list) and len(tasks) > services.caps.max_tasks:
        raise InvalidRequest.field("/tasks", f"{len(tasks)} tasks; at most {services.caps.max_tasks} are taken")
    body = _validated(value)
    report["task_count"] = len(body.tasks or ())
    spec, specs = await compose(services, caller, body, warnings)
    await called(services, body.webhook)
    with of_what_was_sent(body):
        if body.tasks is not None or body.decompose is not None:
            await asyncio.to_thread(_measure, specs, report)
        try:
            _, spec, specs, _ = await services.swarms.checked(caller.tenant_id, spec, specs, caller.key_id)
        except CreditsUsedUp as exc:
            warnings.append(exc.detail)
            spec, specs = await services.swarms.staffing.staff(caller.tenant_id, spec, specs)
        group_limit = None
        if body.agent is not None:
            agent = await services.agents.resolve(caller.tenant_id, body.agent, "/agent")
            group_limit = agent.config.max_parallel_agents
        prediction = await services.insights.predict(caller.tenant_id, spec, specs, group_limit=group_limit)
    unpriced = [route.model for route in prediction.routes.values() if route.price is None]
    warnings.extend(f"the price of {model} is not known, so its calls are not in the cost" for model in unpriced)
    report["prediction"] = simulation_json(prediction)


def _validated(value: dict[str, Any]) -> GraphIn:
    """Return the body; where tasks are wrong, the error names those of all of them and not only of the first."""
    try:
        return validate(GraphIn, value)
    except InvalidRequest as exc:
        found = {error.pointer: error for error in exc.errors}
        if any(pointer.startswith("/tasks/") for pointer in found):
            for index, task in enumerate(value["tasks"]):
                found |= {error.pointer: error for error in _wrong_fields(f"/tasks/{index}", task)}
                if len(found) >= _MAX_PROBLEMS:
                    break
        raise InvalidRequest(exc.detail, list(found.values())[:_MAX_PROBLEMS]) from exc


def _wrong_fields(pointer: str, task: Any) -> list[FieldError]:
    try:
        TaskIn.model_validate(task)
    except ValidationError as exc:
        return [FieldError(pointer + error.pointer, error.detail) for error in field_errors(exc, task)]
    return []


def _measure(specs: Sequence[TaskSpec], report: dict[str, Any]) -> None:
    graph = Graph.build([task.task_id for task in specs], [task.depends_on for task in specs])
    widths = graph.widths()
    report |= {"task_count": len(specs), "levels": len(widths), "widths": widths}


def _problems(exc: SwarmdError) -> list[dict[str, Any]]:
    path = list(exc.path) if isinstance(exc, CycleError) else None
    errors = exc.errors if isinstance(exc, InvalidRequest | UnknownReference) else ()
    return [
        {"pointer": error.pointer, "detail": error.detail, "code": exc.code, "path": path}
        for error in errors or (FieldError("", exc.detail),)
    ]
