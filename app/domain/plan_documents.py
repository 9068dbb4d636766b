"""The attachments of a goal: finding them by the names that models write, and giving subtasks their texts.

A text that is too long for one sub-agent is split at line ends: each part has a task of its own, and a task with the
original id combines what they found, so nothing that depends on it has to change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.parts import url_of
from app.domain.planned import Attachment, PlannedTask

MAX_TASKS = 20_000
MAX_TOTAL_CHARS = 64_000_000
"""Characters of documents, and of images as data URIs, that all tasks together are given; what three tasks are given
counts three times."""

COMBINING_ROLE = "synthesizer"

_COMBINE = """\
The documents of the task below were too long for one sub-agent. They were cut into {parts} parts, and each part went \
to a sub-agent with the same task. Their {parts} partial results are in the section Inputs, under {first} to {last}, \
in the order of the text.

Carry out the task for the whole: combine the partial results into one. Say once what several of them say, add up what \
has to be added up, say where they contradict each other, and keep with each claim the source that it names. If a \
partial result is missing, say which part of the documents your answer does not cover.

The task was:

{prompt}"""


class TooManyDocuments(ValueError):
    """Giving the subtasks their documents makes more tasks or text than is allowed; the message says what to do."""


class AttachmentNames:
    """Finds attachments by the names that models write: another case, no folder or no extension is forgiven.

    A name that fits two attachments equally well finds none.
    """

    __slots__ = ("_by_form", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._by_form: tuple[dict[str, str | None], ...] = ({}, {}, {}, {})
        for name in self.names:
            for index, form in zip(self._by_form, _forms(name), strict=True):
                index[form] = name if index.get(form, name) == name else None

    def find(self, name: str) -> str | None:
        """Return the attachment meant, by the strictest form in which one fits; None where none or several do."""
        for index, form in zip(self._by_form, _forms(name), strict=True):
            if form in index:
                return index[form]
        return None

    def listed(self, most: int = 20) -> str:
        """The names as a message shows them."""
        shown = ", ".join(repr(name[:100]) for name in self.names[:most])
        return shown if len(self.names) <= most else f"{shown} and {len(self.names) - most} more"


def _forms(name: str) -> tuple[str, str, str, str]:
    plain = name.strip().casefold()
    base = plain.replace("\\", "/").rpartition("/")[2]
    stem = base.rpartition(".")[0] or base
    return name, plain, base, stem


def split_text(text: str, max_chars: int) -> list[str]:
    """Cut ``text`` into parts of at most ``max_chars`` characters that together are ``text`` again.

    Cuts are at line ends; a line that is longer itself is cut after a blank in its second half, else anywhere.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be at least 1, not {max_chars}")
    parts: list[str] = []
    at = 0
    while len(text) - at > max_chars:
        end = at + max_chars
        cut = text.rfind("\n", at, end) + 1
        if cut == 0:
            cut = text.rfind(" ", at + max_chars // 2, end) + 1 or end
        parts.append(text[at:cut])
        at = cut
    parts.append(text[at:])
    return parts


def expand(
    subtasks: Sequence[PlannedTask],
    attachments: Collection[Attachment],
    *,
    max_chars: int,
    max_tasks: int = MAX_TASKS,
    max_total_chars: int = MAX_TOTAL_CHARS,
) -> tuple[PlannedTask, ...]:
    """Give each subtask the texts of its sources, as ``data["documents"]``: a list of ``{"name", "text"}``.

    Where the texts of one subtask are longer than ``max_chars`` together, it becomes the tasks ``<id>#1`` … ``<id>#n``
    (a part of a long text each, as ``{"name", "part", "parts", "text"}``, or as many whole short texts as fit) and a
    combining task with the original id, which depends on them. Every other task stays as it is, in its place.

    Args:
        max_chars: of documents in one task.
        max_tasks: after the expansion.

    Raises:
        TooManyDocuments: a bound is passed.
        KeyError: a source is no attachment (``parse_plan`` and ``take_turn`` make sure of that).
    """
    texts = {attachment.name: attachment.text for attachment in attachments}
    pieces: dict[str, list[dict[str, Any]]] = {}
    taken = {task.id for task in subtasks}
    expanded: list[PlannedTask] = []
    chars = 0
    for at, task in enumerate(subtasks):
        chars += sum(len(texts[name]) for name in task.sources) + sum(len(url_of(part)) for part in task.pictures)
        if chars > max_total_chars:
            raise TooManyDocuments(
                f"the subtasks up to {task.id!r} would be sent {chars} characters of attachments and images together, "
                f"at most {max_total_chars} are allowed; make fewer subtasks, each with only the sources that it needs"
            )
        for name in task.sources:
            if name not in pieces:
                pieces[name] = _pieces(name, texts[name], max_chars)
        batches = list(_batches([pieces[name] for name in task.sources], max_chars))
        if len(expanded) + len(batches) + len(subtasks) - at > max_tasks:
            raise TooManyDocuments(
                f"the documents of the subtasks up to {task.id!r} make more than {max_tasks} tasks; give each subtask "
                "only the sources that it needs"
            )
        expanded.extend(_tasks(task, batches, taken))
    return tuple(expanded)


def _pieces(name: str, text: str, max_chars: int) -> list[dict[str, Any]]:
    parts = split_text(text, max_chars)
    if len(parts) == 1:
        return [{"name": name, "text": text}]
    return [{"name": name, "part": at, "parts": len(parts), "text": part} for at, part in enumerate(parts, start=1)]


def _batches(sources: Sequence[list[dict[str, Any]]], max_chars: int) -> Iterator[list[dict[str, Any]]]:
    """The documents of each part: a part of a long text alone, whole texts together while they fit."""
    waiting: list[dict[str, Any]] = []
    size = 0
    for documents in sources:
        length = len(documents[0]["text"])
        if waiting and (len(documents) > 1 or size + length > max_chars):
            yield waiting
            waiting, size = [], 0
        if len(documents) > 1:
            yield from ([document] for document in documents)
        else:
            waiting.append(documents[0])
            size += length
    if waiting:
        yield waiting


def _tasks(task: PlannedTask, batches: Sequence[list[dict[str, Any]]], taken: set[str]) -> Iterator[PlannedTask]:
    if not batches:
        yield task
        return
    if len(batches) == 1:
        yield replace(task, data=_with_documents(task.data, batches[0]))
        return
    ids = _part_ids(task.id, len(batches), taken)
    for part_id, documents in zip(ids, batches, strict=True):
        sources = tuple(document["name"] for document in documents)
        yield replace(task, id=part_id, data=_with_documents(task.data, documents), sources=sources)
    prompt = _COMBINE.format(parts=len(ids), first=ids[0], last=ids[-1], prompt=task.prompt or "(no words of its own)")
    yield replace(task, prompt=prompt, role=COMBINING_ROLE, depends_on=ids, capability_tags=(), pictures=())


def _part_ids(task_id: str, count: int, taken: set[str]) -> tuple[str, ...]:
    mark = "#"
    while any(f"{task_id}{mark}{at}" in taken for at in range(1, count + 1)):
        mark += "#"
    ids = tuple([f"{task_id}{mark}{at}" for at in range(1, count + 1)])
    taken.update(ids)
    return ids


def _with_documents(data: Any, documents: list[dict[str, Any]]) -> dict[str, Any]:
    if data is None:
        return {"documents": documents}
    own = dict(data) if isinstance(data, Mapping) else {"input": data}
    return {**own, "documents": documents}
