"""Plans as models really send them, read field by field: other names, parallel lists, plain texts, numbers for ids.

Nothing here decides whether a plan is any good (``domain.plan`` does); what cannot be read is noted with its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_PROMPT_CHARS = 100_000
MAX_SHORT_CHARS = 200
"""Of a role, a type or a tag."""

MAX_TAGS = 20
MAX_EXTRA_CHARS = 20_000
MAX_EXTRA_DEPTH = 8
MAX_EXTRA_FIELDS = 50
MAX_NOTES = 20
ENOUGH = 200
"""Errors after which a plan is read no further."""


_LISTS = ("subtasks", "sub_tasks", "tasks", "steps", "plan")
_SYNTHESIS = ("synthesis", "synthesis_prompt", "merge", "aggregation")
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "task_id", "subtask_id", "key"),
    "prompt": ("prompt", "instructions", "instruction", "description", "task", "objective", "goal", "subtask", "step"),
    "title": ("title", "name", "task", "summary"),
    "role": ("role", "agent_role", "agent", "assignee", "assigned_to"),
    "type": ("type", "task_type", "kind"),
    "depends_on": ("depends_on", "dependencies", "dependson", "deps", "after", "requires", "prerequisites"),
    "complexity": ("complexity", "difficulty", "complexity_score"),
    "capability_tags": ("capability_tags", "tags", "capabilities"),
    "sources": ("sources", "attachments"),
    "data": ("data", "input_data"),
}
_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("ids", "task_ids"),
    "prompt": ("prompts",),
    "title": ("titles", "names"),
    "role": ("roles", "agents"),
    "type": ("types",),
    "depends_on": ("dependencies", "depends_on", "deps"),
    "complexity": ("complexity", "complexities", "difficulty"),
    "capability_tags": ("capability_tags", "tags"),
    "sources": ("sources",),
}
_OF_LISTS = frozenset({"capability_tags", "sources"})
"""A flat list of these beside the subtasks is about all of them, not about one each."""

_NOT_EXTRA = frozenset(_NAMES) | {
    "task_id",
    "priority",
    "model",
    "tier",
    "tools",
    "output_schema",
    "timeout_s",
    "retry",
}
_NOT_EXTRA |= {
    "max_retries",
    "max_steps",
    "max_output_tokens",
    "token_budget",
    "budget",
    "weight",
    "routing",
    "validate",
}
_NOT_EXTRA |= {"allow_failed_dependencies", "agent_prompt", "extra"}
"""Fields that a plan has given a task already, or that are not a planning model's to decide: they cost the client
money, lift its caps or change what the task is checked against."""

_RATING = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?: ?/ ?10)?")
_LEVELS = {"trivial": 1, "low": 3, "easy": 3, "simple": 3, "medium": 5, "moderate": 5, "high": 8, "hard": 8}
_LEVELS |= {"complex": 8, "very high": 10, "very hard": 10}


@dataclass(slots=True)
class Notes:
    """Messages that name a place, the first ``MAX_NOTES`` of them; of the rest only the number is kept."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, text: str) -> None:
        self.count += 1
        if len(self.lines) < MAX_NOTES:
            self.lines.append(f"{place}: {text}")

    def told(self) -> tuple[str, ...]:
        if self.count <= MAX_NOTES:
            return tuple(self.lines)
        most = "at least " if self.count >= ENOUGH else ""
        return (*self.lines[: MAX_NOTES - 1], f"and {most}{self.count - MAX_NOTES + 1} more")


@dataclass(slots=True, kw_only=True)
class Draft:
    """One subtask as sent. ``depends_on`` and ``sources`` are entries of any JSON type, not resolved yet."""

    place: str
    id: str | None
    title: str | None
    prompt: str
    role: str | None
    type: str | None
    depends_on: Sequence[Any]
    complexity: int | None
    capability_tags: tuple[str, ...]
    sources: Sequence[Any]
    data: Any
    extra: dict[str, Any]


def clean(text: str) -> str:
    """``text`` without what cannot be stored or sent: lone surrogates are replaced, NUL is left out."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def text_of(value: Any) -> str | None:
    """A text or a number as text, stripped; None for anything else and for nothing."""
    if isinstance(value, str):
        return clean(value).strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        return None
    return str(int(value)) if value == int(value) else str(value)


def entries_of(value: Any) -> Sequence[Any]:
    """A list as it is, nothing as an empty one, anything else as a list of one."""
    if value is None or value == "":
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def is_deeper_than(value: Any, levels: int) -> bool:
    """Whether boxes are nested more than ``levels`` deep; iterative, so any depth is safe."""
    level = [value]
    for _ in range(levels):
        boxes = [box for box in level if isinstance(box, Mapping | list | tuple)]
        if not boxes:
            return False
        level = [item for box in boxes for item in (box.values() if isinstance(box, Mapping) else box)]
    return any(isinstance(item, Mapping | list | tuple) for item in level)


def find_items(value: Any) -> tuple[list[Any], dict[str, Any]] | None:
    """The subtasks as sent, and the fields beside them by normalised name; None where there is no such list."""
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, Mapping):
        return None
    fields = _normalised(value)
    for name in _LISTS:
        items = fields.get(name)
        if name == "plan" and isinstance(items, Mapping) and not is_deeper_than(items, 20):
            inner = find_items({key: item for key, item in _normalised(items).items() if key != "plan"})
            return inner and (inner[0], {**fields, **inner[1]})
        if isinstance(items, list):
            return items, fields
        if isinstance(items, Mapping):  # {"first": {...}, "second": {...}}, or a single subtask without its list
            if isinstance(_first(_normalised(items), "prompt")[1], str):
                return [items], fields
            return [_keyed(str(key), item) for key, item in items.items()], fields
    return None


def _keyed(key: str, item: Any) -> Any:
    if isinstance(item, Mapping):
        return item if _first(_normalised(item), "id")[1] is not None else {**item, "id": key}
    return {"id": key, "prompt": item}


def synthesis_of(fields: Mapping[str, Any], warnings: Notes) -> str | None:
    """How the outputs are to be merged, as words."""
    for name in _SYNTHESIS:
        value = fields.get(name)
        if isinstance(value, Mapping):
            value = _first(_normalised(value), "prompt")[1]
        if isinstance(value, list):
            value = "\n".join(filter(None, map(text_of, value)))
        text = text_of(value)
        if text:
            if len(text) > MAX_PROMPT_CHARS:
                warnings.add(f"/{name}", f"cut to {MAX_PROMPT_CHARS} characters")
            return text[:MAX_PROMPT_CHARS]
    return None


def read_drafts(items: Sequence[Any], fields: Mapping[str, Any], errors: Notes, warnings: Notes) -> Iterator[Draft]:
    """Each item with what the lists beside it say about it; of lists of other lengths what is there is kept."""
    columns = _columns(fields, len(items), warnings)
    for at, item in enumerate(items):
        place = f"/subtasks/{at}"
        own = _normalised(item) if isinstance(item, Mapping) else {}
        if not own:
            own = {"prompt": text_of(item)}
        draft = _read_draft(place, own, _beside(columns, at, own), errors, warnings)
        if not draft.prompt:
            problem = "missing; say in words what the sub-agent has to do"
            errors.add(f"{place}/prompt", problem if isinstance(item, Mapping) else f"{problem} ({_kind(item)} came)")
        yield draft


def _columns(fields: Mapping[str, Any], count: int, warnings: Notes) -> dict[str, Sequence[Any] | Mapping[str, Any]]:
    columns: dict[str, Sequence[Any] | Mapping[str, Any]] = {}
    for name, aliases in _COLUMNS.items():
        alias, column = next(((alias, fields[alias]) for alias in aliases if alias in fields), ("", None))
        if isinstance(column, Mapping):
            columns[name] = {str(key): entry for key, entry in column.items()}
        elif isinstance(column, list) and (name not in _OF_LISTS or any(isinstance(each, list) for each in column)):
            columns[name] = column
            if len(column) > count:
                warnings.add(
                    f"/{alias}", f"has {len(column)} entries for {count} subtasks; those too many are left out"
                )
    return columns


def _beside(columns: Mapping[str, Any], at: int, own: Mapping[str, Any]) -> dict[str, Any]:
    """What the columns hold for subtask number ``at``: by position, or by id where a column is an object."""
    found: dict[str, Any] = {}
    ids = columns.get("id")
    task_id = text_of(_first(own, "id")[1]) or (text_of(ids[at]) if isinstance(ids, list) and at < len(ids) else None)
    for name, column in columns.items():
        if isinstance(column, Mapping):
            keys = (task_id, str(at + 1)) if task_id else (f"t{at + 1}", str(at + 1))
            found[name] = next((column[key] for key in keys if key in column), None)
        elif at < len(column):
            found[name] = column[at]
    return found


def _read_draft(place: str, own: Mapping[str, Any], beside: Mapping[str, Any], errors: Notes, warnings: Notes) -> Draft:
    used: set[str] = set()
    values: dict[str, Any] = {}
    for name in _NAMES:
        alias, value = _first(own, name)
        used.add(alias)
        values[name] = beside.get(name) if value is None else value
    title = _short(values["title"], f"{place}/title", warnings)
    prompt = text_of(values["prompt"]) or text_of(values["title"]) or ""
    if len(prompt) > MAX_PROMPT_CHARS:
        errors.add(
            f"{place}/prompt", f"has {len(prompt)} characters, at most {MAX_PROMPT_CHARS} are allowed; shorten it"
        )
        prompt = prompt[:MAX_PROMPT_CHARS]
    role = values["role"]
    if isinstance(role, Mapping):
        role = role.get("name") or role.get("role")
    return Draft(
        place=place,
        id=text_of(values["id"]),
        title=title,
        prompt=prompt,
        role=_short(role, f"{place}/role", warnings),
        type=_short(values["type"], f"{place}/type", warnings),
        depends_on=entries_of(values["depends_on"]),
        complexity=_complexity(values["complexity"], f"{place}/complexity", warnings),
        capability_tags=_tags(values["capability_tags"], f"{place}/capability_tags", warnings),
        sources=entries_of(values["sources"]),
        data=_kept(values["data"], f"{place}/data", warnings),
        extra=_extra({**own, "title": title if title != prompt else None}, used - {"title"}, place, warnings),
    )


def _normalised(fields: Mapping[Any, Any]) -> dict[str, Any]:
    names = {key: clean(str(key)).strip().lower().replace("-", "_").replace(" ", "_") for key in fields}
    return {name: fields[key] for key, name in names.items()}


def _first(fields: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The first field that says something for ``name``, and under which spelling."""
    for alias in _NAMES[name]:
        value = fields.get(alias)
        if value is not None and value not in ("", []):
            return alias, value
    return "", None


def _short(value: Any, place: str, warnings: Notes) -> str | None:
    text = text_of(value)
    if text is None:
        if value not in (None, "", [], {}):
            warnings.add(place, f"expected a text, not {_kind(value)}; left out")
        return None
    text = " ".join(text.split())
    if len(text) > MAX_SHORT_CHARS:
        warnings.add(place, f"cut to {MAX_SHORT_CHARS} characters")
    return text[:MAX_SHORT_CHARS] or None


def _tags(value: Any, place: str, warnings: Notes) -> tuple[str, ...]:
    entries = value.split(",") if isinstance(value, str) else entries_of(value)
    if len(entries) > MAX_TAGS:
        warnings.add(place, f"more than {MAX_TAGS} tags; the others are left out")
    tags = [_short(entry, place, warnings) for entry in entries[:MAX_TAGS]]
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _complexity(value: Any, place: str, warnings: Notes) -> int | None:
    """1-10; numbers beyond are clamped, texts such as "7", "7/10" and "high" are read."""
    if value is None or value == "":
        return None
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str):
        words = " ".join(value[:100].split()).lower()
        match = _RATING.fullmatch(words)
        number = float(match[1]) if match else _LEVELS.get(words)
    if number is None or math.isnan(number):
        warnings.add(place, "expected an integer from 1 to 10; left out")
        return None
    if not 1 <= number <= 10:
        warnings.add(place, "is not from 1 to 10; the nearest is taken")
    return round(min(max(number, 1), 10))


def _extra(own: Mapping[str, Any], used: set[str], place: str, warnings: Notes) -> dict[str, Any]:
    """The fields with no meaning here: they reach the sub-agent as they are."""
    extra: dict[str, Any] = {}
    for name, value in own.items():
        if name != "title" and (name in used or name in _NOT_EXTRA):
            continue
        if len(extra) >= MAX_EXTRA_FIELDS:
            warnings.add(place, f"more than {MAX_EXTRA_FIELDS} further fields; the others are left out")
            break
        kept = _kept(value, f"{place}/{name[:MAX_SHORT_CHARS]}", warnings)
        if kept not in (None, "", [], {}):
            extra[name[:MAX_SHORT_CHARS]] = kept
    return extra


def _kept(value: Any, place: str, warnings: Notes) -> Any:
    """Any JSON value of moderate size; None, with a warning, for one that is too large or deep."""
    if is_deeper_than(value, MAX_EXTRA_DEPTH):
        warnings.add(place, f"nested more than {MAX_EXTRA_DEPTH} levels deep; left out")
        return None
    if _chars(value) > MAX_EXTRA_CHARS:
        warnings.add(place, f"has more than {MAX_EXTRA_CHARS} characters; left out")
        return None
    return _cleaned(value)


def _chars(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(len(str(key)) + 4 + _chars(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return sum(2 + _chars(item) for item in value)
    return len(value) if isinstance(value, str) else 8


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    # 64 bits are what can be stored and sent again unchanged.
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", str: "an empty text", list: "a list", dict: "an empty object"}
    return kinds.get(type(value), "a number")
