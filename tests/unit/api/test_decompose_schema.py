"""Decompositions on the wire: what is accepted, what it means, and which field an error names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from app.api.schemas.decompose import DECOMPOSE, AttachmentsIn
from app.api.strict_json import validate
from app.domain.decompose.requests import (
    Decomposition,
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


class Body(BaseModel):
    """As the field stands in a request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decompose: DECOMPOSE | None = None
    attachments: AttachmentsIn | None = None


def request_of(**decompose: Any) -> Decomposition:
    body = validate(Body, {"decompose": decompose}).decompose
    assert body is not None
    return body.to_domain()


def sources_of(attachments: Any) -> FileSources:
    body = validate(Body, {"attachments": attachments}).attachments
    assert body is not None
    return body.to_domain()


def errors_of(decompose: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        request_of(**decompose) if isinstance(decompose, dict) else validate(Body, {"decompose": decompose})
    return {error.pointer: error.detail for error in caught.value.errors}


def test_each_strategy_becomes_its_request() -> None:
    assert request_of(strategy="rows", data=[1, {"a": None}], num_agents=2, prompt="p") == RowsRequest(
        data=[1, {"a": None}], num_agents=2, prompt="p"
    )
    assert request_of(
        strategy="files", paths=["a"], glob="**/*.md", files=[{"name": "n", "content": "c"}], max_chars=500
    ) == FilesRequest(
        sources=FileSources(paths=("a",), globs=("**/*.md",), files=(Attachment(name="n", text="c"),)), max_chars=500
    )
    assert request_of(
        strategy="formats",
        formats=["html", {"name": "haiku", "instructions": "i"}],
        source="s",
        consistency_check=False,
    ) == FormatsRequest(
        formats=[WantedFormat(name="html"), WantedFormat(name="haiku", instructions="i")],
        source=Attachment(name="", text="s"),
        consistency_check=False,
    )
    assert request_of(strategy="formats", formats=["html"], path="a.md") == FormatsRequest(
        formats=[WantedFormat(name="html")], path="a.md"
    )
    assert request_of(strategy="map", prompt="{item}", items=["x"]) == MapRequest(prompt="{item}", items=["x"])


def test_common_fields_are_for_every_task() -> None:
    request = request_of(
        strategy="map", prompt="{item}", items=[1], role="coder", complexity=4, model="m", tier="light",
        max_output_tokens=100, output_schema=True, priority="high",
    )  # fmt: skip

    assert request.fields == TaskFields(
        role="coder",
        complexity=4,
        extra={"model": "m", "tier": "light", "max_output_tokens": 100, "output_schema": True, "priority": 8},
    )


@pytest.mark.parametrize("spelling", ["rows", "Rows", " ROW ", "table"])
def test_spellings_of_a_strategy_are_forgiven(spelling: str) -> None:
    assert isinstance(request_of(strategy=spelling, data=[1]), RowsRequest)


@pytest.mark.parametrize("spelling", ["for-each", "FOR_EACH", "mapping"])
def test_hyphens_of_a_strategy_are_forgiven(spelling: str) -> None:
    assert isinstance(request_of(strategy=spelling, prompt="p", items=[1]), MapRequest)


@pytest.mark.parametrize(
    ("decompose", "pointers"),
    [
        ({"strategy": "rows"}, {"/decompose/data"}),
        ({"strategy": "rows", "data": []}, {"/decompose/data"}),
        ({"strategy": "rows", "data": [1], "num_agents": 0}, {"/decompose/num_agents"}),
        ({"strategy": "rows", "data": [1], "num_agents": "5"}, {"/decompose/num_agents"}),
        ({"strategy": "rows", "data": [1], "nun_agents": 5}, {"/decompose/nun_agents"}),
        ({"strategy": "rows", "data": [1], "priority": "urgent"}, {"/decompose/priority"}),
        ({"strategy": "rows", "data": [1], "priority": 11}, {"/decompose/priority"}),
        ({"strategy": "rows", "data": [1], "tier": "huge"}, {"/decompose/tier"}),
        ({"strategy": "files"}, {"/decompose"}),
        ({"strategy": "files", "paths": ["a", 2]}, {"/decompose/paths/1"}),
        ({"strategy": "files", "files": [{"name": "a"}]}, {"/decompose/files/0/content"}),
        ({"strategy": "files", "files": [{"name": "a", "content": "b"}], "paths": [1]}, {"/decompose/paths/0"}),
        ({"strategy": "files", "glob": ["a", ""]}, {"/decompose/glob/1"}),
        ({"strategy": "files", "paths": ["a"], "max_chars": 99}, {"/decompose/max_chars"}),
        ({"strategy": "formats", "formats": ["html", 3], "source": "x"}, {"/decompose/formats/1"}),
        ({"strategy": "formats", "formats": [{"name": ""}], "source": "x"}, {"/decompose/formats/0/name"}),
        ({"strategy": "formats", "formats": ["html"]}, {"/decompose/source"}),
        ({"strategy": "formats", "formats": ["html"], "source": "x", "path": "y"}, {"/decompose/source"}),
        ({"strategy": "map", "items": [1]}, {"/decompose/prompt"}),
        ({"strategy": "map", "prompt": "x", "items": []}, {"/decompose/items"}),
        ({"strategy": "columns"}, {"/decompose/strategy"}),
        ({"strategy": ["rows"]}, {"/decompose/strategy"}),
        ({"data": [1]}, {"/decompose/strategy"}),
        ("rows", {"/decompose"}),
        ([], {"/decompose"}),
    ],
)  # fmt: skip
def test_an_error_names_its_field(decompose: Any, pointers: set[str]) -> None:
    assert set(errors_of(decompose)) == pointers


def test_an_unknown_strategy_is_told_the_known_ones() -> None:
    assert errors_of({"strategy": "columns"})["/decompose/strategy"] == (
        "expected one of rows, files, formats, map, not 'columns'"
    )


def test_attachments_come_from_the_same_sources() -> None:
    sources = sources_of({"paths": ["a"], "glob": ["b*"], "files": [{"name": "c", "content": "d"}]})

    assert sources == FileSources(paths=("a",), globs=("b*",), files=(Attachment(name="c", text="d"),))


@pytest.mark.parametrize(
    ("attachments", "pointer"),
    [
        ({}, "/attachments"),
        ({"paths": [], "files": []}, "/attachments"),
        ({"files": [{"name": "a", "content": 1}]}, "/attachments/files/0/content"),
        ({"path": "a"}, "/attachments/path"),
    ],
)
def test_attachments_without_a_source_or_with_a_wrong_one_are_refused(attachments: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sources_of(attachments)

    assert caught.value.errors[0].pointer == pointer


def test_the_document_of_the_api_shows_the_four_strategies_only() -> None:
    schema = Body.model_json_schema()

    shown = schema["properties"]["decompose"]["anyOf"][0]["oneOf"]
    assert [variant["$ref"].rpartition("/")[2] for variant in shown] == ["RowsIn", "FilesIn", "FormatsIn", "MapIn"]
    assert "DecomposeIn" not in schema["$defs"]
    assert schema["$defs"]["FilesIn"]["properties"]["strategy"]["const"] == "files"
