"""From what a client asks of a run - tasks, a decomposition, a goal - to the tasks it starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.assigning import dumped, spec_of
from app.domain.budget import ATTACHMENTS, document_chars
from app.domain.decompose.requests import Decomposition, FileSources, FilesRequest
from app.domain.swarm import SwarmSpec
from app.domain.task import TaskKind, TaskSpec
from app.ports.provider import Models, UnknownModel
from app.services.decomposing import Decomposer

PLANNER_ID = "~planner"
PLAN_TOKENS = 8_192
"""A plan of many subtasks is longer than the usual answer."""

_PLANNER_TIMEOUT_S = 300.0
_PLANNER_RETRIES = 2
_FIRST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A goal in words or message parts, and the texts that it is about."""

    content: str | list[dict[str, Any]]
    attachments: FileSources | None = None


Work = Sequence[TaskSpec] | Decomposition | Goal


class Composer:
    def __init__(self, decomposer: Decomposer, models: Models) -> None:
        self._decomposer = decomposer
        self._models = models

    async def compose(
        self, spec: SwarmSpec, work: Work, tenant_id: str | None = None
    ) -> tuple[SwarmSpec, Sequence[TaskSpec]]:
        """Return the run and its first tasks.

        Args:
            tenant_id: whose uploads may be read; None for nobody's.

        Raises:
            InvalidRequest: see ``Decomposer``.
        """
        if isinstance(work, Goal):
            return spec, [await self._planner(spec, work, tenant_id)]
        if isinstance(work, Sequence):
            return spec, work
        if isinstance(work, FilesRequest):
            work = replace(work, max_chars=min(work.max_chars, await self._document_chars(spec, work)))
        planned = await self._decomposer.tasks(work, tenant_id)
        tasks = [
            spec_of(one, task_timeout_s=spec.task_timeout_s, max_retries=spec.retry.max_retries) for one in planned
        ]
        budgeted = spec.token_budgets or any('"token_budget":' in task.payload for task in tasks)
        return replace(spec, token_budgets=budgeted), tasks

    async def _document_chars(self, spec: SwarmSpec, work: FilesRequest) -> int:
        """How much of a file the model that reads it can hold; a model nobody serves is told of where routes are."""
        try:
            route = await self._models.resolve(work.fields.extra.get("model") or spec.model)
        except UnknownModel:
            return work.max_chars
        max_output_tokens = work.fields.extra.get("max_output_tokens") or spec.max_output_tokens
        return document_chars(route.context_tokens, max_output_tokens, spec.shared_bytes + len(work.prompt or ""))

    async def _planner(self, spec: SwarmSpec, goal: Goal, tenant_id: str | None) -> TaskSpec:
        attached = []
        if goal.attachments is not None:
            attached = await self._decomposer.attachments(goal.attachments, tenant_id=tenant_id)
        payload: dict[str, Any] = {
            "prompt": spec.goal or "" if isinstance(goal.content, str) else goal.content,
            "role": "planner",
            "max_output_tokens": max(PLAN_TOKENS, spec.max_output_tokens),
        }
        if attached:
            payload[ATTACHMENTS] = [{"name": one.name, "text": one.text} for one in attached]
        return TaskSpec(
            task_id=PLANNER_ID,
            kind=TaskKind.PLANNER,
            type="planner",
            role="planner",
            priority=_FIRST,
            timeout_s=max(_PLANNER_TIMEOUT_S, spec.task_timeout_s),
            max_retries=min(spec.retry.max_retries, _PLANNER_RETRIES),
            allow_failed_dependencies=True,
            payload=dumped(payload),
        )
