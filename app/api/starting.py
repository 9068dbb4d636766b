"""Starts a run from what a client sent, or saved before: ``POST /v1/swarms`` and ``POST /v1/graphs/{id}/runs``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

from fastapi.responses import Response

from app.api.deps import Caller, Services, json_response, wait_query
from app.api.idempotency import answer_of, mark, reply
from app.api.schemas.insights import critical_path_json
from app.api.schemas.swarm_create import SwarmCreate
from app.api.schemas.swarms import results_json, swarm_json
from app.api.schemas.tools import tool_warnings
from app.api.schemas.webhooks import WebhookIn, webhook_of
from app.domain.errors import FieldError, InvalidRequest
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskSpec
from app.ports.idempotency import Answer, Once
from app.ports.runs import Beside
from app.ports.store import SwarmRow
from app.ports.webhooks import Webhook
from app.services.idempotency import KeyedRequest, Outcome

_LOOKED_INTO = 2_000
"""Tasks up to which an answer to ``wait`` says where the time went, unasked: of more, finding out takes a while."""

_A_TASK = re.compile(r"/tasks/\d+")

Wait = Annotated[float | None, wait_query("Seconds to wait for the end of the run")]


async def start_run(
    services: Services, caller: Caller, keyed: KeyedRequest | None, body: SwarmCreate, wait: float | None
) -> Response:
    """Start a run; with ``wait`` answer when it has ended or the time is up.

    Raises:
        SwarmdError: as ``SwarmService.create``; nothing was stored.
    """
    if wait is not None and wait > services.max_wait_s:
        raise InvalidRequest.field("/wait", f"expected at most {services.max_wait_s:g} seconds")
    warnings: list[str] = []

    def accepted(row: SwarmRow) -> Answer | None:
        return answer_of(swarm_json(row) | {"warnings": warnings}, 201) if wait is None else None

    async def begin(once: Once | None) -> Outcome:
        spec, tasks = await compose(services, caller, body, warnings)
        webhook = await called(services, body.webhook)
        if webhook is not None:
            spec = replace(spec, webhook_events=webhook.events)
        with of_what_was_sent(body):
            row = await services.swarms.create(
                caller.tenant_id,
                spec,
                tasks,
                key_id=caller.key_id,
                start_at_ms=body.start_at_ms(services.clock.now_ms()),
                beside=lambda row: Beside(once=once and once.answered(accepted(row)), webhook=webhook),
            )
        return Outcome(swarm_id=row.swarm_id, answer=accepted(row))

    outcome = await services.idempotency.start(keyed, begin)
    if wait is None:
        return reply(outcome)
    await services.swarms.wait(caller.tenant_id, outcome.run_id, wait)
    results = await services.results.get(caller.tenant_id, outcome.run_id)
    value = swarm_json(results.swarm) | {"warnings": warnings, "results": results_json(results)}
    if results.swarm.counts.total <= _LOOKED_INTO:
        value["critical_path"] = critical_path_json(await services.insights.critical_path(results.swarm))
    return mark(json_response(value, 201), outcome)


async def compose(
    services: Services, caller: Caller, body: SwarmCreate, warnings: list[str]
) -> tuple[SwarmSpec, Sequence[TaskSpec]]:
    """Return the run that a body asks for and its first tasks; what may be missed is added to ``warnings``."""
    named = body.tool_names()
    warnings.extend(tool_warnings(named, services.tools))
    agent_id, tools = await _agent(services, caller, body.agent)
    warnings.extend(tool_warnings([name for name in tools if name not in named], services.tools))
    spec, work = body.to_domain(services.caps, agent_id)
    spec = replace(spec, tools=tools)
    return await services.composer.compose(services.swarms.with_defaults(spec), work, caller.tenant_id)


async def called(services: Services, webhook: str | WebhookIn | None) -> Webhook | None:
    """Return where events of a run go.

    Raises:
        InvalidRequest: there they must not go.
    """
    if webhook is None:
        return None
    wanted, pointer = webhook_of(webhook)
    return await services.webhooks.checked(wanted.url, wanted.events, wanted.secret, pointer)


@contextmanager
def of_what_was_sent(body: SwarmCreate) -> Iterator[None]:
    """Let errors of tasks that the service made point at what it made them of: the request has no tasks."""
    try:
        yield
    except InvalidRequest as exc:
        if body.tasks is None:
            source = "/goal" if body.decompose is None else "/decompose"
            exc.detail = _A_TASK.sub(source, exc.detail)
            exc.errors = tuple(
                FieldError(_A_TASK.sub(source, error.pointer), _A_TASK.sub(source, error.detail))
                for error in exc.errors
            )
        raise


async def _agent(services: Services, caller: Caller, named: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the run's orchestrator, and the tools that it gives to its tasks."""
    if named is None:
        return await services.agents.default_id(caller.tenant_id), ()
    agent = await services.agents.resolve(caller.tenant_id, named, "/agent")
    return agent.agent_id, tuple(agent.config.tool_names())
