"""``files``: one task a file, several for a file that is too long for one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.domain.decompose.requests import POINTER, Bounds, FilesRequest
from app.domain.decompose.splitting import split_text
from app.domain.decompose.tally import Tally, content_hash, json_bytes
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment, PlannedTask

DEFAULT_PROMPT = (
    "Read the text in `data.text`, which is the file `data.name` (or the part of it that `data.context` names), and "
    "report what it says: its subject, its main points, and the facts and figures that support them. Say nothing that "
    "the text does not say."
)
_ID_NAME_CHARS = 120
_UNSAFE = re.compile(r"[^\w.-]+")


def file_tasks(request: FilesRequest, documents: Sequence[Attachment], bounds: Bounds) -> list[PlannedTask]:
    """The tasks over ``documents``, whose names are unique, in their order.

    Each task's data is ``{"name", "text", "context": {"part", "parts"}}``, parts counted from 1; of a file in several
    parts ``name`` is ``<name>#<part>``. A part has at most ``max_chars`` characters, fewer where they take more than a
    task's input may have.

    Raises:
        InvalidRequest: no documents, too many tasks, or a prompt that leaves no room for text.
    """
    if not documents:
        raise InvalidRequest.field(POINTER, "found no files to make tasks of")
    if request.max_chars < 1:
        raise InvalidRequest.field(f"{POINTER}/max_chars", f"expected 1 or more, not {request.max_chars}")
    prompt = request.prompt or DEFAULT_PROMPT
    prompt_bytes = json_bytes(prompt)
    tally = Tally(bounds, request.fields.extra)
    tally.expect(sum(max(1, -(-len(document.text) // request.max_chars)) for document in documents), POINTER)
    room = tally.room(prompt_bytes)
    for document in documents:
        name_bytes = json_bytes(document.name)
        parts = split_text(document.text, max_chars=request.max_chars, max_bytes=room - name_bytes)
        for number, text in enumerate(parts, start=1):
            name = document.name if len(parts) == 1 else f"{document.name}#{number}"
            task = PlannedTask(
                id=_task_id(name, document.name, number, len(parts), text),
                prompt=prompt,
                type="file",
                role=request.fields.role,
                complexity=request.fields.complexity,
                data={"name": name, "text": text, "context": {"part": number, "parts": len(parts)}},
                extra=request.fields.extra,
            )
            tally.add(task, prompt_bytes + name_bytes + json_bytes(text), POINTER, "send smaller files")
    return tally.tasks


def _task_id(shown: str, name: str, part: int, parts: int, text: str) -> str:
    """A readable id that needs no escapes in a URL; the hash keeps apart what looks the same without them."""
    plain = _UNSAFE.sub("-", shown)[-_ID_NAME_CHARS:].strip("-.") or "file"
    return f"{plain}-{content_hash(name, str(part), str(parts), text)}"
