"""Decompositions and attachments on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic.json_schema import SkipJsonSchema

from app.api.schemas.tasks import PriorityIn, priority_of
from app.domain.decompose.requests import (
    DEFAULT_MAX_CHARS,
    POINTER,
    FileSources,
    FilesRequest,
    FormatsRequest,
    MapRequest,
    RowsRequest,
    TaskFields,
    WantedFormat,
)
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment

_MAX_TEXT = 4 * 1024 * 1024
_MAX_FILES = 20_000
_MAX_GLOBS = 100
_NAMES = ("rows", "files", "formats", "map")
_STRATEGIES = {"row": "rows", "table": "rows", "file": "files", "document": "files", "documents": "files"} | {
    "format": "formats",
    "multi_format": "formats",
    "mapping": "map",
    "for_each": "map",
    "foreach": "map",
}

Path = Annotated[str, Field(min_length=1, max_length=4096)]


def _strategy(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    plain = given.strip().lower().replace("-", "_").replace(" ", "_")
    return _STRATEGIES.get(plain, plain)


class FileIn(BaseModel):
    """A text sent along; its name says of what kind it is (`report.html` is read without its markup)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=512)
    content: str


class _SourcesIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    paths: Annotated[list[Path], Field(fail_fast=True, max_length=_MAX_FILES)] | None = Field(
        None,
        description="Uploaded files, by id or name (of several of one name the newest), and files of the service's"
        " workspace (SWARMD_WORKSPACE), relative to it; `./name` is always one of the workspace",
    )
    glob: Path | Annotated[list[Path], Field(fail_fast=True, max_length=_MAX_GLOBS)] | None = Field(
        None, description="Patterns of such paths: `*`, `?`, `[…]`, and `**` for any number of directories"
    )
    files: Annotated[list[FileIn], Field(fail_fast=True, max_length=_MAX_FILES)] | None = Field(
        None, description="Texts sent in the request"
    )

    def _sources(self, pointer: str) -> FileSources:
        if not (self.paths or self.glob or self.files):
            raise InvalidRequest.field(pointer, "expected at least one of paths, glob and files")
        globs = (self.glob,) if isinstance(self.glob, str) else tuple(self.glob or ())
        return FileSources(
            paths=tuple(self.paths or ()),
            globs=globs,
            files=tuple(Attachment(name=file.name, text=file.content) for file in self.files or ()),
        )


class AttachmentsIn(_SourcesIn):
    """The texts that a goal is about; at least one of the three."""

    def to_domain(self, pointer: str = "/attachments") -> FileSources:
        """Return what is to be read; ``pointer`` is where this stands in the request."""
        return self._sources(pointer)


class _DecompositionIn(BaseModel):
    """What every strategy takes: fields that each of its tasks gets."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: str | None = Field(None, max_length=200)
    model: str | None = Field(None, min_length=1, max_length=200)
    tier: Literal["thinking", "instant", "light"] | None = None
    complexity: int | None = Field(None, ge=1, le=10)
    max_output_tokens: int | None = Field(None, ge=1, le=10_000_000)
    output_schema: Any = Field(None, description="JSON Schema of every task's output")
    priority: PriorityIn | None = Field(None, description="1-10, 10 runs first; or low, normal, high, critical")

    def _fields(self) -> TaskFields:
        extra = {
            "model": self.model,
            "tier": self.tier,
            "max_output_tokens": self.max_output_tokens,
            "output_schema": self.output_schema,
            "priority": None if self.priority is None else priority_of(self.priority, f"{POINTER}/priority"),
        }
        set_fields = {name: value for name, value in extra.items() if value is not None}
        return TaskFields(role=self.role, complexity=self.complexity, extra=set_fields)


class RowsIn(_DecompositionIn):
    """Rows of a table, or any list, in balanced chunks: one task a chunk."""

    strategy: Annotated[Literal["rows"], BeforeValidator(_strategy)]
    data: list[Any] | None = Field(None, min_length=1, description="Any JSON values, in order; or `path`")
    path: Path | None = Field(
        None,
        description="A table to take the rows from: CSV, TSV, JSON or JSON lines, an uploaded file by id or name, or a"
        " file of the service's workspace",
    )
    num_agents: int | None = Field(None, ge=1, description="Chunks; default one a row, 100 at most")
    prompt: str | None = Field(None, min_length=1, max_length=_MAX_TEXT, description="What to do with each chunk")

    def to_domain(self) -> RowsRequest:
        if (self.data is None) == (self.path is None):
            raise InvalidRequest.field(f"{POINTER}/data", "expected exactly one of data and path")
        return RowsRequest(
            data=self.data or (),
            path=self.path,
            num_agents=self.num_agents,
            prompt=self.prompt,
            fields=self._fields(),
        )


class FilesIn(_DecompositionIn, _SourcesIn):
    """One task a file, or a part of a long one."""

    strategy: Annotated[Literal["files"], BeforeValidator(_strategy)]
    max_chars: int = Field(
        DEFAULT_MAX_CHARS, ge=100, le=1_000_000, description="A longer text is split between paragraphs or lines"
    )
    prompt: str | None = Field(None, min_length=1, max_length=_MAX_TEXT, description="What to do with each file")

    def to_domain(self) -> FilesRequest:
        return FilesRequest(
            sources=self._sources(POINTER), max_chars=self.max_chars, prompt=self.prompt, fields=self._fields()
        )


class FormatIn(BaseModel):
    """A format of one's own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=100)
    instructions: str | None = Field(None, min_length=1, max_length=100_000, description="What follows after 'Write'")


class FormatsIn(_DecompositionIn):
    """One source in several formats, and a check that they state the same facts."""

    strategy: Annotated[Literal["formats"], BeforeValidator(_strategy)]
    formats: list[Annotated[str, Field(min_length=1, max_length=100)] | FormatIn] = Field(
        min_length=1, max_length=50, examples=[["html", "markdown", "slides", "spreadsheet"]]
    )
    source: str | None = Field(None, min_length=1, description="The text; or `path`")
    path: Path | None = Field(None, description="An uploaded file, by id or name, or a file of the service's workspace")
    consistency_check: bool = True
    prompt: str | None = Field(None, min_length=1, max_length=_MAX_TEXT, description="Wishes beside the formats' rules")

    def to_domain(self) -> FormatsRequest:
        if (self.source is None) == (self.path is None):
            raise InvalidRequest.field(f"{POINTER}/source", "expected exactly one of source and path")
        formats = [
            WantedFormat(name=wanted)
            if isinstance(wanted, str)
            else WantedFormat(name=wanted.name, instructions=wanted.instructions)
            for wanted in self.formats
        ]
        return FormatsRequest(
            formats=formats,
            source=None if self.source is None else Attachment(name="", text=self.source),
            path=self.path,
            consistency_check=self.consistency_check,
            prompt=self.prompt,
            fields=self._fields(),
        )


class MapIn(_DecompositionIn):
    """A prompt template, filled in for each item."""

    strategy: Annotated[Literal["map"], BeforeValidator(_strategy)]
    prompt: str = Field(
        min_length=1,
        max_length=_MAX_TEXT,
        description="`{item}`, `{item.field}` (dots go deeper) and `{index}` (from 0) are filled in; `{{` is a brace",
        examples=["Translate into French: {item.title}"],
    )
    items: list[Any] = Field(min_length=1, description="Any JSON values")

    def to_domain(self) -> MapRequest:
        return MapRequest(prompt=self.prompt, items=self.items, fields=self._fields())


class DecomposeIn(BaseModel):
    """A decomposition that names none of the strategies."""

    model_config = ConfigDict(extra="ignore", strict=True)

    strategy: Any = None

    def to_domain(self) -> NoReturn:
        """Name the strategies; pydantic's own error would point at the whole object."""
        shown = repr(self.strategy)[:100] if self.strategy is not None else "nothing"
        raise InvalidRequest.field(f"{POINTER}/strategy", f"expected one of {', '.join(_NAMES)}, not {shown}")


def _tag(value: Any) -> str:
    given = value.get("strategy") if isinstance(value, Mapping) else getattr(value, "strategy", None)
    strategy = _strategy(given)
    # Not the bare names: `files` and `formats` are fields, too, and would be taken for a part of the error's pointer.
    return f"strategy:{strategy}" if strategy in _NAMES else "strategy:unknown"


DECOMPOSE = Annotated[
    Annotated[RowsIn, Tag("strategy:rows")]
    | Annotated[FilesIn, Tag("strategy:files")]
    | Annotated[FormatsIn, Tag("strategy:formats")]
    | Annotated[MapIn, Tag("strategy:map")]
    | SkipJsonSchema[Annotated[DecomposeIn, Tag("strategy:unknown")]],
    Discriminator(_tag),
]
"""Type of a request's ``decompose`` field; ``to_domain()`` of what it holds is a ``Decomposition``."""
