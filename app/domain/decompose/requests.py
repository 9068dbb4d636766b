"""What a decomposition is asked for, checked in form but not yet in content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.planned import Attachment

POINTER = "/decompose"
"""Where a decomposition stands in a request, for errors."""

DEFAULT_MAX_CHARS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The service's limits on what one decomposition may make.

    Attributes:
        max_input_bytes: of the JSON input of one task.
        max_total_bytes: of the inputs of all tasks: a template or a prompt is multiplied by the number of tasks.
    """

    max_tasks: int = 20_000
    max_input_bytes: int = 1024 * 1024
    max_total_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFields:
    """What every task of a decomposition gets; ``extra`` as in ``PlannedTask``."""

    role: str | None = None
    complexity: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSources:
    """Files of the workspace, by path and by pattern, and texts sent along."""

    paths: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRequest:
    """``data`` in ``num_agents`` chunks; by default one a row, 100 at most. ``path``: a file that the rows are in."""

    data: Sequence[Any] = ()
    path: str | None = None
    num_agents: int | None = None
    prompt: str | None = None
    fields: TaskFields = field(default_factory=TaskFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRequest:
    """One task a file, or a part of one that has more than ``max_chars`` characters."""

    sources: FileSources
    max_chars: int = DEFAULT_MAX_CHARS
    prompt: str | None = None
    fields: TaskFields = field(default_factory=TaskFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFormat:
    """A format by name; one that is not well known needs ``instructions``."""

    name: str
    instructions: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatsRequest:
    """One source, given as a text or as the ``path`` of a file in the workspace, in several formats."""

    formats: Sequence[WantedFormat]
    source: Attachment | None = None
    path: str | None = None
    consistency_check: bool = True
    prompt: str | None = None
    fields: TaskFields = field(default_factory=TaskFields)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRequest:
    """A template, filled in once for each item."""

    prompt: str
    items: Sequence[Any]
    fields: TaskFields = field(default_factory=TaskFields)


Decomposition = RowsRequest | FilesRequest | FormatsRequest | MapRequest
