"""The demo's swarm: from the files of a corpus to the body of ``POST /v1/swarms``.

::

    code     file ─┐                       documents     part ─┐
             file ─┼─ folder ─┐                          part ─┴─ document ─┐
             file ─┘          ├─ report                           document ─┼─ group ─┐
             file ─── folder ─┘                                   document ─┘  group ─┴─ report

Task ids are the paths, so the service's own views (results, events) read like the tree. A lone group is left out, and
too many groups for one report are merged in between. Aggregators run even when some of their inputs failed, since a
report that says what is missing is worth more than none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.cli import demo_prompts as prompts
from app.cli.corpus import MAX_CORPUS_BYTES, MAX_TASK_TEXT_BYTES, Corpus, TextFile, fair_cap, language_of
from app.cli.messages import counted
from app.cli.splitting import cut_code, cut_text, json_bytes, split_text
from app.domain.html_text import html_to_text, is_html_name

FINAL_TASK_ID = "report"
DOCUMENTS_PER_GROUP = 25
FILES_PER_GROUP = 60
GROUPS_PER_REPORT = 50
"""Fan-ins are bounded because an aggregator's inputs are shortened in proportion once they pass its context budget."""
_MAX_ID_CHARS = 256
_MAX_NAME_CHARS = 200
_OUTPUT_TOKENS = 2048
_REPORT_OUTPUT_TOKENS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A swarm ready to be posted; ``notices`` are for the user, ``body`` for the service."""

    body: dict[str, Any]
    files: int
    folders: int
    notices: tuple[str, ...]


@dataclass(slots=True)
class _Graph:
    tasks: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=lambda: {FINAL_TASK_ID})

    def add(self, task_id: str, kind: str, role: str, prompt: str, **fields: Any) -> str:
        """Append a task under ``task_id``, made short enough and unique; returns the id it got."""
        unique = wanted = short_id(task_id)
        number = 1
        while unique in self.ids:
            number += 1
            unique = f"{wanted[: _MAX_ID_CHARS - 12]} ({number})"
        self.ids.add(unique)
        self.tasks.append({"id": unique, "type": kind, "role": role, "prompt": prompt, **fields})
        return unique

    def merge(self, name: str, prompt: str, members: Sequence[str]) -> str:
        """Append an aggregator over ``members``; ``prompt`` may name their ``{count}`` and the ``{name}``."""
        return self.add(
            name,
            "aggregate",
            "synthesizer",
            prompt.format(count=len(members), name=name),
            depends_on=list(members),
            allow_failed_dependencies=True,
            max_output_tokens=_OUTPUT_TOKENS,
        )


def code_review(corpus: Corpus, *, model: str, agents: int) -> Plan:
    """One reviewer a file, one aggregator a folder, one report."""
    files, notices = _without_longest(corpus.files)
    graph = _Graph()
    reviewers: list[tuple[str, str]] = []
    for file in files:
        text = cut_code(file.text, MAX_TASK_TEXT_BYTES)
        extent = counted(len(text.splitlines()), "line")
        if len(text) < len(file.text):
            notices.append(f"{file.path}: too long for one reviewer, only its first {extent} are reviewed")
            extent = f"the first {extent} of it"
        language = language_of(file.path) or "text"
        prompt = prompts.REVIEW_FILE.format(language=language, path=file.path, extent=extent)
        data = {"path": file.path, "language": language, "source": text}
        reviewers.append((file.folder, graph.add(file.path, "code_review", "reviewer", prompt, data=data)))
    groups = _merge_folders(graph, reviewers, FILES_PER_GROUP, prompts.MERGE_FILES)
    name = corpus.root.resolve().name
    _add_report(graph, name, groups, prompts.REPORT_ON_CODE.format(name=name, count=len(files)))
    return _plan(f"Review of {name}", graph, files, [*corpus.notices, *notices], model, agents)


def document_reading(corpus: Corpus, *, model: str, agents: int) -> Plan:
    """One reader a document (or part of a long one), one aggregator per 25 documents of a folder, one report."""
    texts = [replace(file, text=html_to_text(file.text)) if is_html_name(file.path) else file for file in corpus.files]
    blank = [f"{file.path}: no text in it, left out" for file in texts if not file.text.strip()]
    files, notices = _fitted([file for file in texts if file.text.strip()])
    graph = _Graph()
    readers = [(file.folder, _add_readers(graph, file)) for file in files]
    groups = _merge_folders(graph, readers, DOCUMENTS_PER_GROUP, prompts.MERGE_DOCUMENTS)
    name = corpus.root.resolve().name
    _add_report(graph, name, groups, prompts.REPORT_ON_DOCUMENTS.format(name=name, count=len(files)))
    return _plan(f"Reading of {name}", graph, files, [*corpus.notices, *blank, *notices], model, agents)


def short_id(text: str) -> str:
    """``text`` as a task id: at most 256 characters, the end kept, two long ones with the same end kept apart."""
    if len(text) <= _MAX_ID_CHARS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{digest}…{text[-(_MAX_ID_CHARS - 13) :]}"


def _add_readers(graph: _Graph, file: TextFile) -> str:
    """The task that stands for the document: its one reader, or the aggregator over the readers of its parts."""
    parts = split_text(file.text, MAX_TASK_TEXT_BYTES)
    if len(parts) == 1:
        extent = counted(len(file.text.splitlines()), "line")
        prompt = prompts.READ_DOCUMENT.format(path=file.path, extent=extent)
        data: dict[str, Any] = {"path": file.path, "text": file.text}
        return graph.add(file.path, "document_reading", "researcher", prompt, data=data)
    readers = []
    for number, text in enumerate(parts, start=1):
        prompt = prompts.READ_PART.format(part=number, parts=len(parts), path=file.path)
        data = {"path": file.path, "part": number, "parts": len(parts), "text": text}
        name = f"{file.path} part {number}"
        readers.append(graph.add(name, "document_reading", "researcher", prompt, data=data))
    return graph.merge(file.path, prompts.MERGE_PARTS, readers)


def _merge_folders(graph: _Graph, members: Sequence[tuple[str, str]], size: int, prompt: str) -> list[str]:
    """The aggregators over ``(folder, task)`` members, one a folder or several where it has more than ``size``.

    Where there would be a single one, the members themselves.
    """
    folders: dict[str, list[str]] = {}
    for folder, task_id in members:
        folders.setdefault(folder, []).append(task_id)
    groups: list[tuple[str, list[str]]] = []
    for folder, ids in folders.items():
        chunks = _balanced(ids, size)
        for number, chunk in enumerate(chunks, start=1):
            groups.append((f"{folder}/" if len(chunks) == 1 else f"{folder}/ group {number} of {len(chunks)}", chunk))
    if len(groups) == 1:
        return groups[0][1]
    return [graph.merge(name, prompt, ids) for name, ids in groups]


def _add_report(graph: _Graph, name: str, groups: list[str], prompt: str) -> None:
    while len(groups) > max(GROUPS_PER_REPORT, FILES_PER_GROUP):
        chunks = _balanced(groups, GROUPS_PER_REPORT)
        groups = [graph.merge(f"{name} groups {n}", prompts.MERGE_GROUPS, ids) for n, ids in enumerate(chunks, start=1)]
    task = {"id": FINAL_TASK_ID, "type": "report", "role": "synthesizer", "prompt": prompt, "depends_on": groups}
    graph.tasks.append({**task, "allow_failed_dependencies": True, "max_output_tokens": _REPORT_OUTPUT_TOKENS})


def _balanced(ids: list[str], size: int) -> list[list[str]]:
    """As few chunks of at most ``size`` as possible, their lengths differing by one at most."""
    count = -(-len(ids) // size)
    return [ids[len(ids) * n // count : len(ids) * (n + 1) // count] for n in range(count)]


def _fitted(files: Sequence[TextFile]) -> tuple[list[TextFile], list[str]]:
    """The files cut, longest first, so that together they fit one request; with a notice about what was cut."""
    sizes = [json_bytes(file.text) for file in files]
    cap = fair_cap(sizes, MAX_CORPUS_BYTES)
    if cap is None:
        return list(files), []
    long = counted(sum(size > cap for size in sizes), "long file")
    notice = f"a request holds at most {MAX_CORPUS_BYTES >> 20} MiB: {long} read only up to {cap:,} bytes"
    return [replace(file, text=cut_text(file.text, cap)) for file in files], [notice]


def _without_longest(files: Sequence[TextFile]) -> tuple[list[TextFile], list[str]]:
    """The files without the longest ones, as many as it takes for the others to fit one request; with a notice.

    Left out and not cut, as documents are: a reviewer of half a source file reports errors that are not there.
    """
    sizes = [min(json_bytes(file.text), MAX_TASK_TEXT_BYTES) for file in files]
    excess = sum(sizes) - MAX_CORPUS_BYTES
    left_out: set[int] = set()
    for index in sorted(range(len(files)), key=sizes.__getitem__, reverse=True):
        if excess <= 0:
            break
        left_out.add(index)
        excess -= sizes[index]
    kept = [file for index, file in enumerate(files) if index not in left_out]
    long = counted(len(left_out), "longest file")
    notice = f"a request holds at most {MAX_CORPUS_BYTES >> 20} MiB: left out the {long}"
    return kept, [notice] if left_out else []


def _plan(name: str, graph: _Graph, files: list[TextFile], notices: list[str], model: str, agents: int) -> Plan:
    body = {
        "name": name[:_MAX_NAME_CHARS],
        "model": model,
        "tasks": graph.tasks,
        "limits": {"max_parallel_agents": agents},
        "metadata": {"created_by": "swarmd demo"},
    }
    return Plan(body=body, files=len(files), folders=len({file.folder for file in files}), notices=tuple(notices))
