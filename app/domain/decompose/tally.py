"""Sizes and content hashes of tasks, and the list that refuses to grow beyond its bounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.domain.decompose.requests import POINTER, Bounds
from app.domain.errors import InvalidRequest
from app.domain.planned import PlannedTask

OVERHEAD_BYTES = 4096
"""For what the service adds to the JSON input of a task: names of fields, type and role."""

_HASH_DIGITS = 10
_SLICE_CHARS = 262_144
"""Per call into the JSON encoder, which keeps every other thread waiting."""


def canonical_json(value: Any) -> str:
    """``value`` as JSON in one form only: sorted keys, no spaces, no escapes that need not be."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(*parts: str) -> str:
    """Ten hexadecimal digits of the SHA-256 of ``parts``, which cannot run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()[:_HASH_DIGITS]


def json_bytes(text: str) -> int:
    """What a text takes inside a JSON document, with its quotes."""
    if len(text) <= _SLICE_CHARS:
        return utf8_bytes(json.dumps(text, ensure_ascii=False))
    slices = (text[at : at + _SLICE_CHARS] for at in range(0, len(text), _SLICE_CHARS))
    return 2 + sum(json_bytes(part) - 2 for part in slices)


def utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def numbered(kind: str, index: int, total: int, digest: str) -> str:
    """An id such as ``rows-007-3fa9c2d1e0``; ids of one request sort by ``index``."""
    return f"{kind}-{index:0{max(3, len(str(total - 1)))}d}-{digest}"


class Tally:
    """The tasks made so far."""

    def __init__(self, bounds: Bounds, extra: Mapping[str, Any]) -> None:
        self.tasks: list[PlannedTask] = []
        self._bounds = bounds
        self._total_bytes = 0
        self._fixed_bytes = OVERHEAD_BYTES + (utf8_bytes(canonical_json(dict(extra))) if extra else 0)

    def room(self, prompt_bytes: int) -> int:
        """Bytes of JSON that the data of one task may take beside its prompt.

        Raises:
            InvalidRequest: the prompt alone takes more than half of what a task may have.
        """
        room = self._bounds.max_input_bytes - self._fixed_bytes - prompt_bytes
        if room < self._bounds.max_input_bytes // 2:
            limit = f"{self._bounds.max_input_bytes:,} bytes that a task's input may have"
            detail = f"the prompt and the other fields of every task take more than half of the {limit}"
            raise InvalidRequest.field(f"{POINTER}/prompt", detail)
        return room

    def expect(self, tasks: int, pointer: str) -> None:
        """Refuse a number of tasks that is known before any of them is made."""
        if tasks > self._bounds.max_tasks:
            detail = f"makes {tasks:,} tasks; at most {self._bounds.max_tasks:,} are taken"
            raise InvalidRequest.field(pointer, detail)

    def add(self, task: PlannedTask, input_bytes: int, pointer: str, advice: str) -> None:
        """Append a task.

        Args:
            input_bytes: of its prompt and data as JSON.
            pointer: the field that is wrong when the task is too large, with ``advice`` on what to change.
        """
        size = input_bytes + self._fixed_bytes
        if size > self._bounds.max_input_bytes:
            detail = f"a task's input of {size:,} bytes; at most {self._bounds.max_input_bytes:,} are taken: {advice}"
            raise InvalidRequest.field(pointer, detail)
        self._total_bytes += size - OVERHEAD_BYTES  # a bound for one task, far above what most are given
        if self._total_bytes > self._bounds.max_total_bytes:
            detail = f"the inputs of all tasks together take more than {self._bounds.max_total_bytes:,} bytes"
            raise InvalidRequest.field(POINTER, detail)
        self.expect(len(self.tasks) + 1, POINTER)
        self.tasks.append(task)
