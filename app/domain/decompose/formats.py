"""``formats``: one source in several formats at once, then a check that all of them state the same facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.decompose.format_names import INSTRUCTIONS, canonical_format
from app.domain.decompose.requests import POINTER, Bounds, FormatsRequest, WantedFormat
from app.domain.decompose.tally import Tally, content_hash, json_bytes
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment, PlannedTask

MAX_FORMATS = 50
_UNSAFE = re.compile(r"[^\w.-]+")
_RENDER = """Write {instructions}.

The content is the text in `data.source`, and nothing else: keep every fact, figure, name and date as the source has \
it, invent nothing, and leave nothing important out. Answer with the document alone, ready to be saved as a file."""
_CHECK = """The inputs are one source, `data.source`, written in several formats; `data.formats` says which task wrote \
which. Compare the facts that they state (figures with their units, names, dates, claims) with each other and with \
the source. Wording, order and layout may differ; a fact may not. An input that is missing or failed cannot be \
checked: list its format under `unchecked`.

Answer with one JSON object and nothing else:
{"consistent": true or false, "facts_compared": number,
 "differences": [{"fact": "what it is about", "source": "as the source has it", "formats": {"<format>": "as it says"}}],
 "invented": [{"fact": "stated there, but not in the source", "formats": ["<format>"]}],
 "missing": [{"fact": "in the source and in some format", "formats": ["<format that lacks it>"]}],
 "unchecked": ["<format>"]}
`consistent` is true only if `differences` and `invented` are empty."""


def format_tasks(request: FormatsRequest, source: Attachment, bounds: Bounds) -> list[PlannedTask]:
    """One task a format, then, unless it is switched off, one of role ``validator`` that depends on all of them.

    Each task's data is ``{"format", "source"}`` with the ``name`` of the source where it has one; the validator's is
    ``{"formats": {task id: format}, "source"}``. The validator runs even if a format failed.

    Raises:
        InvalidRequest: no format, one that is not known and has no instructions, one that comes twice, or a source that
            no task can take.
    """
    pointer = f"{POINTER}/path" if request.path is not None else f"{POINTER}/source"
    if not source.text.strip():
        raise InvalidRequest.field(pointer, "there is no text in it")
    formats = _named(request.formats)
    fields = request.fields
    shared = {"source": source.text} | ({"name": source.name} if source.name else {})
    shared_bytes = json_bytes(source.text) + json_bytes(source.name)
    tally = Tally(bounds, fields.extra)
    tally.expect(len(formats) + request.consistency_check, f"{POINTER}/formats")
    for name, instructions in formats.items():
        prompt = _RENDER.replace("{instructions}", instructions.rstrip(". \n"))
        if request.prompt:
            prompt += f"\n\nFor this document in particular: {request.prompt}"
        task = PlannedTask(
            id=f"format-{_UNSAFE.sub('-', name)[:100]}-{content_hash(name, source.text)}",
            prompt=prompt,
            type="format",
            role=fields.role,
            complexity=fields.complexity,
            data={"format": name, **shared},
            extra=fields.extra,
        )
        tally.add(task, json_bytes(prompt) + shared_bytes, pointer, "send a shorter source")
    if request.consistency_check:
        ids = {task.id: name for task, name in zip(tally.tasks, formats, strict=True)}
        check = PlannedTask(
            id=f"consistency-{content_hash(*formats, source.text)}",
            prompt=_CHECK,
            type="consistency",
            role="validator",
            complexity=fields.complexity,
            depends_on=tuple(ids),
            data={"formats": ids, **shared},
            extra=_without_schema(fields.extra),
            allow_failed_dependencies=True,
        )
        names_bytes = sum(json_bytes(task_id) + json_bytes(name) for task_id, name in ids.items())
        tally.add(check, json_bytes(_CHECK) + names_bytes + shared_bytes, pointer, "send a shorter source")
    return tally.tasks


def _named(formats: Sequence[WantedFormat]) -> dict[str, str]:
    """Instructions by canonical name, in the order of the request."""
    if not 1 <= len(formats) <= MAX_FORMATS:
        raise InvalidRequest.field(f"{POINTER}/formats", f"expected 1-{MAX_FORMATS} formats, not {len(formats)}")
    named: dict[str, str] = {}
    for index, wanted in enumerate(formats):
        pointer = f"{POINTER}/formats/{index}"
        name = canonical_format(wanted.name)
        instructions = (wanted.instructions or "").strip() or INSTRUCTIONS.get(name)
        if not name:
            raise InvalidRequest.field(pointer, "expected the name of a format")
        if instructions is None:
            known = ", ".join(INSTRUCTIONS)
            raise InvalidRequest.field(
                pointer, f"unknown format {wanted.name[:100]!r}: known are {known}; another one needs `instructions`"
            )
        if name in named:
            raise InvalidRequest.field(pointer, f"the format {name!r} comes twice")
        named[name] = instructions
    return named


def _without_schema(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema is that of the formats; the report of the check has its own shape."""
    return {name: value for name, value in extra.items() if name != "output_schema"}
