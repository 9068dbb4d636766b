"""The plan of a goal: what a planning model is asked for, and what makes its answer one that can run.

What a model sends is read with patience (``domain.plan_fields``), but nothing that decides what runs is guessed: a
dependency or a source that fits nothing, or two things, is an error, worded for the model that has to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

from app.domain.errors import CycleError
from app.domain.graph import Graph
from app.domain.plan_documents import AttachmentNames
from app.domain.plan_fields import ENOUGH, Draft, Notes, find_items, is_deeper_than, read_drafts, synthesis_of, text_of
from app.domain.planned import PlannedTask
from app.domain.roles import BUILT_IN, canonical

PLAN_NAME = "plan"
"""Name of the schema in the planner's ``response_format``."""

MAX_ID_CHARS = 200
"""Short of the 256 of a task id, as the parts of a subtask with long documents put a number behind it."""

MAX_TOTAL_CHARS = 4_000_000
"""Of all prompts of a plan together."""

_MAX_DEPTH = 40
_SHOWN = 20
_MAX_ENUM = 200
"""Vendors cap the enums of a schema (OpenAI at 1,000 values, docs of 2025); the prompt lists the names anyway."""

_NO_ONE = frozenset({"none", "null", "n/a", "na", "-", "nothing", "[]"})
_NUMBER = re.compile(r"(?:(?:(?:sub)?[ _-]?task|step|t|no|number)[ #_.-]{0,3}|# ?)?(\d{1,6})", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_-]+")
_PIECES = re.compile(r"\s*[,;]\s*|\s+and\s+", re.IGNORECASE)

_SUBTASK: dict[str, Any] = {
    "type": "object",
    "required": ["id", "prompt"],
    "properties": {
        "id": {"type": "string", "description": "Short and unique in the plan, such as research-prices"},
        "prompt": {
            "type": "string",
            "description": "All that the sub-agent has to know and do: it sees neither the goal nor other subtasks, "
            "only this text, its sources and the outputs of the subtasks in depends_on",
        },
        "role": {"type": "string", "description": "Who should do it, one of the roles listed where one fits"},
        "type": {"type": "string", "description": "Kind of work in one or two words, such as research"},
        "depends_on": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Ids of the subtasks whose outputs this one needs; leave it empty where it needs none, as "
            "subtasks that do not wait for each other run in parallel",
        },
        "complexity": {"type": "integer", "minimum": 1, "maximum": 10, "description": "1 trivial, 10 very hard"},
        "capability_tags": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What the sub-agent has to be good at, in single words",
        },
        "sources": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Names of the attachments whose full text this subtask has to read",
        },
    },
}

PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["subtasks"],
    "properties": {
        "subtasks": {
            "type": "array",
            "minItems": 1,
            "items": _SUBTASK,
            "description": "The subtasks; together, and merged, they reach the goal",
        },
        "synthesis": {"type": "string", "description": "How the outputs are to be merged into the answer to the goal"},
    },
}
"""JSON Schema of a plan, whatever the goal; ``plan_schema`` narrows it to one goal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked plan: ids are unique, every dependency exists, there is no cycle, every source is an attachment.

    Attributes:
        subtasks: each after those it depends on, else in the order the model gave them.
        synthesis: how to merge the outputs, where the model said it.
        warnings: what was left out or taken to mean something else, at most 20.
    """

    subtasks: tuple[PlannedTask, ...]
    synthesis: str | None = None
    warnings: tuple[str, ...] = ()


class InvalidPlan(Exception):
    """A plan that cannot run. ``errors`` (1-20) each name the place and what to do, for the model to mend it."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(self.errors))


def plan_schema(*, max_subtasks: int, attachments: Collection[str]) -> dict[str, Any]:
    """Return ``PLAN_SCHEMA`` with the most subtasks there may be, and only the sources there are (none: no field)."""
    properties = dict(_SUBTASK["properties"])
    if attachments:
        properties["sources"] = {**properties["sources"], "items": {"type": "string", "enum": list(attachments)}}
        if len(attachments) > _MAX_ENUM:
            properties["sources"] = _SUBTASK["properties"]["sources"]
    else:
        del properties["sources"]
    plan = PLAN_SCHEMA["properties"]
    subtasks = {**plan["subtasks"], "maxItems": max_subtasks, "items": {**_SUBTASK, "properties": properties}}
    return {**PLAN_SCHEMA, "properties": {**plan, "subtasks": subtasks}}


def parse_plan(
    value: Any, *, max_subtasks: int, attachments: Collection[str], roles: Collection[str] = tuple(BUILT_IN)
) -> Plan:
    """Read what a model sent as a plan, in time linear in its size.

    Args:
        value: parsed JSON of any shape.
        max_subtasks: at least 1.
        attachments: names that ``sources`` may hold.
        roles: known roles, which other spellings become; any other role is kept as it is, with a warning.

    Raises:
        InvalidPlan: see there.
    """
    items, fields = _checked_items(value, max_subtasks)
    errors, warnings = Notes(), Notes()
    drafts = list(read_drafts(items, fields, errors, warnings))
    total = sum(len(draft.prompt) for draft in drafts)
    if total > MAX_TOTAL_CHARS:
        errors.add(
            "/subtasks", f"the prompts have {total} characters, at most {MAX_TOTAL_CHARS} are allowed; shorten them"
        )
    ids, unique = _ids(drafts, errors)
    find_subtask = _Subtasks(drafts, ids).find
    names = AttachmentNames(attachments)
    depends_on = [_resolved(draft.depends_on, find_subtask, f"{draft.place}/depends_on", errors) for draft in drafts]
    sources = [_resolved(draft.sources, _Sources(names).find, f"{draft.place}/sources", errors) for draft in drafts]
    order = _ordered(ids, depends_on, errors) if unique else ()
    known = {role.casefold(): role for role in roles}
    tasks = {
        at: PlannedTask(
            id=ids[at],
            prompt=draft.prompt,
            type=draft.type,
            role=_role(draft, known, warnings),
            depends_on=depends_on[at],
            data=draft.data,
            capability_tags=draft.capability_tags,
            complexity=draft.complexity,
            extra=draft.extra,
            sources=sources[at],
        )
        for at, draft in enumerate(drafts)
    }
    synthesis = synthesis_of(fields, warnings)
    if errors.count:
        raise InvalidPlan(errors.told())
    return Plan(subtasks=tuple([tasks[at] for at in order]), synthesis=synthesis, warnings=warnings.told())


def _checked_items(value: Any, max_subtasks: int) -> tuple[list[Any], dict[str, Any]]:
    if is_deeper_than(value, _MAX_DEPTH):
        raise InvalidPlan([f"the plan is nested more than {_MAX_DEPTH} levels deep; send a flat list of subtasks"])
    found = find_items(value)
    if found is None:
        raise InvalidPlan(['expected a JSON object {"subtasks": [{"id": ..., "prompt": ...}, ...]}; send one'])
    items, fields = found
    if not items:
        raise InvalidPlan(["/subtasks: is empty; list at least one subtask"])
    if len(items) > max_subtasks:
        raise InvalidPlan(
            [f"/subtasks: has {len(items)} subtasks, at most {max_subtasks} are allowed; merge some or leave some out"]
        )
    return items, fields


def _ids(drafts: Sequence[Draft], errors: Notes) -> tuple[list[str], bool]:
    """The ids, made up where the model gave none, and whether each is there once."""
    first: dict[str, int] = {}
    ids: list[str | None] = []
    unique = True
    for at, draft in enumerate(drafts):
        task_id = " ".join(draft.id.split()) if draft.id else None
        if task_id and len(task_id) > MAX_ID_CHARS:
            errors.add(f"{draft.place}/id", f"has {len(task_id)} characters, at most {MAX_ID_CHARS} are allowed")
            task_id = None
        if task_id and first.setdefault(task_id, at) != at:
            unique = False
            errors.add(
                f"{draft.place}/id", f"{_shown(task_id)} is the id of /subtasks/{first[task_id]} too; rename one"
            )
        ids.append(task_id)
    return [task_id or _made_up(f"t{at + 1}", first, at) for at, task_id in enumerate(ids)], unique


def _made_up(task_id: str, taken: dict[str, int], at: int) -> str:
    while task_id in taken:
        task_id += "-new"
    taken[task_id] = at
    return task_id


class _Ambiguous(Exception):
    """A reference that fits several; the message lists them."""


class _Unknown(Exception):
    """A reference that fits none; the message lists what there is."""


class _Subtasks:
    """Finds the subtask that a dependency means: by id, else by its number from 1, else by title or prompt."""

    def __init__(self, drafts: Sequence[Draft], ids: Sequence[str]) -> None:
        self._ids = ids
        self._by_id = set(ids)
        self._by_words: dict[str, list[str]] = {}
        for task_id in ids:
            self._add(task_id, task_id)
        self._by_title: dict[str, list[str]] = {}
        for draft, task_id in zip(drafts, ids, strict=True):
            for words in {_plain(draft.title or ""), _plain(draft.prompt)} - {""}:
                self._by_title.setdefault(words, []).append(task_id)

    def _add(self, words: str, task_id: str) -> None:
        self._by_words.setdefault(_plain(words), []).append(task_id)

    def find(self, name: str) -> str:
        if name in self._by_id:
            return name
        plain = _plain(name)
        if plain in self._by_words:
            return _only(self._by_words[plain])
        number = _NUMBER.fullmatch(name)
        if number and 1 <= int(number[1]) <= len(self._ids):
            return self._ids[int(number[1]) - 1]
        if plain in self._by_title:
            return _only(self._by_title[plain])
        raise _Unknown(f"is no subtask of this plan; the ids are {_listed(self._ids)}")


class _Sources:
    """Finds the attachment that a source means."""

    def __init__(self, names: AttachmentNames) -> None:
        self._names = names

    def find(self, name: str) -> str:
        found = self._names.find(name)
        if found is not None:
            return found
        if not self._names.names:
            raise _Unknown("is no attachment: there are none; leave sources out")
        raise _Unknown(f"is no attachment, or fits several; the attachments are {self._names.listed()}")


def _resolved(entries: Sequence[Any], find: Callable[[str], str], place: str, errors: Notes) -> tuple[str, ...]:
    """What the entries mean, each once; a text may name several, with commas between them."""
    found: dict[str, None] = {}
    for entry in entries:
        if errors.count >= ENOUGH:
            raise InvalidPlan(errors.told())
        if isinstance(entry, dict):
            entry = entry.get("id") or entry.get("task_id") or entry.get("name")  # noqa: PLW2901
        name = text_of(entry)
        if name is None:
            if entry is not None and entry != "":
                errors.add(place, "expected a list of names, each a text")
            continue
        name = " ".join(name.split())
        try:
            found[find(name)] = None
        except (_Ambiguous, _Unknown) as exc:
            if name.casefold() in _NO_ONE:
                continue
            pieces = _PIECES.split(name)
            if len(pieces) == 1 or len(name) > 10_000:
                errors.add(place, f"{_shown(name)} {exc}")
                continue
            for piece in filter(None, pieces):
                try:
                    found[find(piece)] = None
                except (_Ambiguous, _Unknown) as inner:
                    errors.add(place, f"{_shown(piece)} {inner}")
    return tuple(found)


def _ordered(ids: Sequence[str], depends_on: Sequence[Sequence[str]], errors: Notes) -> Sequence[int]:
    """The positions, each after those it depends on, else ascending; none where there is a cycle."""
    try:
        graph = Graph.build(ids, depends_on)
    except CycleError as exc:
        place = exc.errors[0].pointer.replace("/tasks/", "/subtasks/", 1)
        errors.add(place, f"{exc.detail}; take one of these dependencies out")
        return ()
    missing = [len(indices) for indices in graph.dependencies]
    ready = [at for at, count in enumerate(missing) if count == 0]
    heapify(ready)
    order: list[int] = []
    while ready:
        at = heappop(ready)
        order.append(at)
        for dependent in graph.dependents[at]:
            missing[dependent] -= 1
            if missing[dependent] == 0:
                heappush(ready, dependent)
    return order


def _role(draft: Draft, known: dict[str, str], warnings: Notes) -> str | None:
    if draft.role is None:
        return None
    role = known.get(draft.role.casefold()) or known.get(canonical(draft.role))
    if role is None:
        warnings.add(f"{draft.place}/role", f"{_shown(draft.role)} is none of the known roles; kept as it is")
    return role or draft.role


def _plain(words: str) -> str:
    return _SEPARATORS.sub(" ", words).strip().casefold()


def _only(ids: Sequence[str]) -> str:
    if len(ids) > 1:
        raise _Ambiguous(f"fits several subtasks: {_listed(ids)}; name one by its id")
    return ids[0]


def _listed(ids: Sequence[str]) -> str:
    shown = ", ".join(map(_shown, ids[:_SHOWN]))
    return shown if len(ids) <= _SHOWN else f"{shown} and {len(ids) - _SHOWN} more"


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:79]}…")
