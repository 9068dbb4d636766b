"""What a decomposition or a plan asks for before a swarm exists: the tasks to make, and the named texts they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """One task to be made: ``id`` is unique in its plan, ``depends_on`` names ids of the same plan.

    ``prompt``, ``type``, ``role`` and ``complexity`` of ``None`` take the defaults of the swarm. ``data`` is any JSON
    value. ``sources`` are the names of the attachments it reads, ``pictures`` the images and videos it is
    sent, as message parts. ``extra`` holds further fields of a task by the names
    that the API gives them: ``model``, ``tier``, ``priority``, ``max_output_tokens``, ``output_schema``, …
    """

    id: str
    prompt: str | None
    type: str | None
    role: str | None
    depends_on: tuple[str, ...] = ()
    data: Any = None
    capability_tags: tuple[str, ...] = ()
    complexity: int | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    allow_failed_dependencies: bool = False
    sources: tuple[str, ...] = ()
    pictures: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One named text that a goal or a decomposition reads; ``name`` is unique among those given together."""

    name: str
    text: str
