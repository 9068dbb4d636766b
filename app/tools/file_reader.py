"""The tool ``file_reader``: files of the workspace and uploaded ones, as text, in portions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from app.ports.documents import Document, DocumentReader, Selection
from app.ports.files import Uploads, UploadTooLong
from app.ports.tools import ToolContext, ToolRefused, ToolResult, ToolSpec
from app.ports.workspace import UnreadableDocument, Workspace, WorkspaceRefusal
from app.tools.excerpts import matches, numbered, run_of_lines

MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_SHOWN_CHARS = 18_000
MAX_LISTED = 300
_MAX_OUTPUT_CHARS = 20_000
_MAX_RANGES = 20
_RANGE = re.compile(r"\s*(\d{1,7})\s*(?:(-)\s*(\d{1,7})?)?\s*")
_WILD = re.compile(r"[*?]")


class FileReader:
    """A ``ports.tools.Tool``. An uploaded file's kind is told by its name, also where it is asked for by its id.

    Args:
        uploads: looked at first; None where there are none.
    """

    spec = ToolSpec(
        name="file_reader",
        description=(
            "Read a file of the workspace or an uploaded one: text, Markdown, source code, HTML, CSV, JSON, PDF, Word,"
            " Excel. Long files come in portions; the end of each says how to ask for the next. With find, only"
            " the places where those words stand are returned. A path with * lists the files that match, e.g. **/*.pdf."
        ),
        parameters={
            "type": "object",
            "properties": {
                "path": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "description": "relative to the workspace, or the id or name of an uploaded file",
                },
                "pages": {"type": "string", "maxLength": 200, "description": 'of a PDF, e.g. "1-3,7" or "5-"'},
                "lines": {"type": "string", "maxLength": 40, "description": 'e.g. "10-200" or "150-"'},
                "sheet": {"type": "string", "maxLength": 200, "description": "of a workbook: its name or number"},
                "find": {"type": "string", "minLength": 1, "maxLength": 500, "description": "words to look for"},
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        timeout_s=60.0,
        max_output_chars=_MAX_OUTPUT_CHARS,
    )

    def __init__(self, workspace: Workspace, documents: DocumentReader, uploads: Uploads | None = None) -> None:
        self._workspace = workspace
        self._documents = documents
        self._uploads = uploads

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        """See ``ports.tools.Tool``."""
        path = str(arguments["path"])
        selection = Selection(pages=_pages(arguments.get("pages")), sheet=arguments.get("sheet"))
        first, last = _lines(arguments.get("lines"))
        try:
            found = await self._content(context.tenant_id, path)
            if found is None:
                return await self._listed(context.tenant_id, path)
            document = await self._documents.read(*found, selection)
        except (WorkspaceRefusal, UnreadableDocument, UploadTooLong) as exc:
            raise ToolRefused(f"{path!r}: {exc}" if isinstance(exc, UnreadableDocument) else str(exc)) from exc
        return await asyncio.to_thread(_shown, path, document, first, last, arguments.get("find"))

    async def _content(self, tenant_id: str, path: str) -> tuple[str, bytes] | None:
        """Return the name, whose end tells the kind, and the content; None where ``path`` is a pattern and no file."""
        upload = None if self._uploads is None else await self._uploads.find(tenant_id, path)
        if self._uploads is not None and upload is not None:
            uploaded = await self._uploads.read(tenant_id, upload.file_id, MAX_FILE_BYTES)
            if uploaded is not None:
                return upload.name, uploaded
        if _WILD.search(path):
            return None
        try:
            return path, await asyncio.to_thread(self._workspace.read, path, MAX_FILE_BYTES)
        except WorkspaceRefusal as exc:
            if self._uploads is None:
                raise
            raise WorkspaceRefusal(f"there is no uploaded file {path!r}, and of the workspace: {exc}") from exc

    async def _listed(self, tenant_id: str, pattern: str) -> ToolResult:
        uploads = [] if self._uploads is None else await self._uploads.matching(tenant_id, pattern, MAX_LISTED)
        try:
            found = await asyncio.to_thread(self._workspace.find, pattern, MAX_LISTED)
        except WorkspaceRefusal:
            if not uploads:
                raise
            found = []
        lines = [upload.name for upload in uploads]
        if uploads:
            lines.append(f"[uploaded files end here, {len(uploads)} of them; what follows is of the workspace]")
        listed = "\n".join([*lines, *found])
        if len(listed) > MAX_SHOWN_CHARS:
            listed = listed[:MAX_SHOWN_CHARS].rpartition("\n")[0] + "\n[more files match; use a narrower pattern]"
        none = "no file of the workspace" if self._uploads is None else "no uploaded file and none of the workspace"
        return ToolResult(content=listed or f"{none} matches {pattern!r}", details={"files": len(uploads) + len(found)})


def _shown(path: str, document: Document, first: int, last: int | None, find: str | None) -> ToolResult:
    text = numbered(document)
    total = len(text.lines)
    if first > total:
        raise ToolRefused(f"lines: there are {total:,} lines in what was selected of {path!r}, and none from {first}")
    details: dict[str, Any] = {"lines": total}
    if document.unit != "text":
        details[document.unit + "s"] = document.total
    if find is not None:
        if not find.strip():
            raise ToolRefused("find: expected words to look for, got only blanks")
        body, count = matches(text, find, MAX_SHOWN_CHARS)
        details["matches"] = count
        body = body or f"{find!r} does not stand in what was selected of {path!r} ({total:,} lines were looked at)"
    else:
        body = run_of_lines(text, first, last, MAX_SHOWN_CHARS)
    return ToolResult(content="\n".join([*_head(document), body, *_notes(document)]), details=details)


def _head(document: Document) -> list[str]:
    if len(document.names) < 2:
        return []
    return [f"[sheets: {', '.join(document.names)[:1000]}]"]


def _notes(document: Document) -> list[str]:
    if document.unread_from is None:
        if document.unit == "page" and not any(part.text for part in document.parts):
            return ["[these pages hold no text; perhaps they are pictures of it]"]
        return []
    if document.unit == "page":
        return [
            f'[pages from {document.unread_from} on were not read yet: ask with "pages": "{document.unread_from}-"]'
        ]
    return [f"[too large: from line {document.unread_from} of its last part on, it was not read]"]


def _pages(text: str | None) -> tuple[tuple[int, int | None], ...]:
    if text is None or not text.strip():
        return ()
    ranges = text.split(",")
    if len(ranges) > _MAX_RANGES:
        raise ToolRefused(f"pages: expected at most {_MAX_RANGES} ranges, got {len(ranges)}")
    return tuple(_range("pages", part) for part in ranges)


def _lines(text: str | None) -> tuple[int, int | None]:
    return (1, None) if text is None or not text.strip() else _range("lines", text)


def _range(name: str, text: str) -> tuple[int, int | None]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ToolRefused(f'{name}: expected a number, "3-7" or "5-", got {text[:40]!r}')
    first = int(found[1])
    last = first if found[2] is None else int(found[3]) if found[3] else None
    if first < 1 or (last is not None and last < first):
        raise ToolRefused(f"{name}: expected numbers from 1, the smaller one first, got {text[:40]!r}")
    return first, last
