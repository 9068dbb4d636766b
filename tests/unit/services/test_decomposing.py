"""Requests that name files become tasks and attachments over what stands in them.

``SWARMD_FILINGS_DIR`` names a folder of further annual reports, in HTML, to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.documents.table import rows_of
from app.documents.text import text_of
from app.domain.decompose.requests import (
    Bounds,
    Decomposition,
    FileSources,
    FilesRequest,
    FormatsRequest,
    MapRequest,
    RowsRequest,
    WantedFormat,
)
from app.domain.errors import InvalidRequest
from app.domain.planned import Attachment
from app.services.decomposing import Decomposer, ReadLimits
from app.workspace.directory import DirectoryWorkspace

pytestmark = pytest.mark.anyio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "b.md").write_text("# B")
    (root / "docs" / "a.html").write_text("<h1>A</h1><p>one &amp; two</p>")
    (root / "docs" / "empty.txt").write_text(" \n")
    (root / "long.txt").write_text("\n\n".join(["x" * 90] * 3))
    (root / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def decomposer(root: Path | None, bounds: Bounds | None = None, limits: ReadLimits | None = None) -> Decomposer:
    return Decomposer(DirectoryWorkspace(root), text_of, rows_of, bounds or Bounds(), limits)


async def pointer_of(service: Decomposer, sources: FileSources) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        await service.attachments(sources)
    return caught.value.errors[0].pointer, caught.value.errors[0].detail


async def test_files_are_read_in_the_order_they_are_named_in(root: Path) -> None:
    sources = FileSources(
        paths=("long.txt", "./docs//b.md"), globs=("docs/*",), files=(Attachment(name="sent.htm", text="<p>sent</p>"),)
    )

    tasks = await decomposer(root).tasks(FilesRequest(sources=sources, max_chars=200))

    assert [(task.data["name"], task.data["context"]["parts"]) for task in tasks] == [
        ("long.txt#1", 2),
        ("long.txt#2", 2),
        ("docs/b.md", 1),
        ("docs/a.html", 1),
        ("sent.htm", 1),
    ]
    assert tasks[3].data["text"].split("\n")[-1] == "one & two"
    assert tasks[4].data["text"] == "sent"


async def test_attachments_are_the_same_files(root: Path) -> None:
    found = await decomposer(root).attachments(
        FileSources(globs=("docs/*", "**/*.md"), files=(Attachment(name="x", text="y"),))
    )

    assert [attachment.name for attachment in found] == ["docs/a.html", "docs/b.md", "x"]
    assert found[-1] == Attachment(name="x", text="y")


async def test_an_empty_file_is_left_out_only_where_a_pattern_found_it(root: Path) -> None:
    assert [found.name for found in await decomposer(root).attachments(FileSources(paths=("docs/empty.txt",)))] == [
        "docs/empty.txt"
    ]
    assert await pointer_of(decomposer(root), FileSources(globs=("docs/*.txt",))) == (
        "/attachments",
        "there is no file with text in what is named here",
    )


@pytest.mark.parametrize(
    ("sources", "pointer", "said"),
    [
        (FileSources(paths=("long.txt", "missing")), "/attachments/paths/1", "there is no file 'missing'"),
        (FileSources(paths=("../outside",)), "/attachments/paths/0", "'..' is not taken"),
        (FileSources(paths=("a" * 300,)), "/attachments/paths/0", "cannot be read"),
        (FileSources(paths=("image.png",)), "/attachments/paths/0", "'image.png': images are not supported yet"),
        (FileSources(globs=("*",)), "/attachments/glob", "'image.png': images are not supported yet"),
        (FileSources(globs=("nothing*",)), "/attachments/glob", "matches no file"),
        (FileSources(globs=("*.txt", "/etc/*")), "/attachments/glob/1", "not an absolute one"),
        (FileSources(paths=("long.txt", "./long.txt")), "/attachments/paths/1", "'long.txt' comes twice"),
        (
            FileSources(paths=("long.txt",), files=(Attachment(name="long.txt", text="x"),)),
            "/attachments/files/0/name",
            "comes twice",
        ),
        (FileSources(files=(Attachment(name="a", text="x\0"),)), "/attachments/files/0/content", "binary"),
        (FileSources(), "/attachments", "no file"),
    ],
)
async def test_what_cannot_be_read_names_its_field(root: Path, sources: FileSources, pointer: str, said: str) -> None:
    found, detail = await pointer_of(decomposer(root), sources)

    assert found == pointer
    assert said in detail
    assert str(root) not in detail


async def test_without_a_workspace_texts_can_be_sent_and_paths_say_what_to_set() -> None:
    service = decomposer(None)

    [sent] = await service.attachments(FileSources(files=(Attachment(name="a", text="x"),)))
    pointer, detail = await pointer_of(service, FileSources(paths=("a",)))

    assert sent.text == "x"
    assert pointer == "/attachments/paths/0"
    assert "SWARMD_WORKSPACE" in detail


@pytest.mark.parametrize(
    ("limits", "bounds", "said"),
    [
        (ReadLimits(max_file_bytes=100), Bounds(), "longer than the 100 bytes"),
        (ReadLimits(max_bytes=276), Bounds(), "more than 276 bytes"),
        (ReadLimits(max_chars=276), Bounds(), "more than 276 characters"),
        (ReadLimits(), Bounds(max_tasks=1), "2 files; at most 1"),
    ],
)
async def test_what_one_request_reads_is_bounded(root: Path, limits: ReadLimits, bounds: Bounds, said: str) -> None:
    """The long file has 274 bytes, the short one 3."""
    _, detail = await pointer_of(decomposer(root, bounds, limits), FileSources(paths=("docs/b.md", "long.txt")))

    assert said in detail


async def test_a_source_in_the_workspace_is_written_in_several_formats(root: Path) -> None:
    request = FormatsRequest(formats=[WantedFormat(name="slides"), WantedFormat(name="csv")], path="docs/a.html")

    slides, sheet, check = await decomposer(root).tasks(request)

    assert [task.data["source"].split("\n")[-1] for task in (slides, sheet, check)] == ["one & two"] * 3
    assert slides.data["name"] == "docs/a.html"
    assert check.depends_on == (slides.id, sheet.id)


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (RowsRequest(data=list(range(10)), num_agents=4), 4),
        (MapRequest(prompt="{item}", items=[1, 2]), 2),
        (FormatsRequest(formats=[WantedFormat(name="html")], source=Attachment(name="", text="x")), 2),
    ],
)
async def test_what_names_no_files_needs_no_workspace(request_: Decomposition, count: int) -> None:
    assert len(await decomposer(None).tasks(request_)) == count


async def test_a_source_that_is_missing_is_named(root: Path) -> None:
    for request, pointer in (
        (FormatsRequest(formats=[WantedFormat(name="html")], path="none"), "/decompose/path"),
        (FormatsRequest(formats=[WantedFormat(name="html")], path="docs/empty.txt"), "/decompose/path"),
        (FormatsRequest(formats=[WantedFormat(name="html")]), "/decompose/source"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await decomposer(root).tasks(request)
        assert caught.value.errors[0].pointer == pointer


REPORT = """<?xml version='1.0'?><html><head><title>10-K</title></head><body><div style="display:none"><ix:header>
<ix:hidden><ix:nonNumeric name="dei:DocumentType" contextRef="c1">10-K</ix:nonNumeric></ix:hidden></ix:header></div>
<p>Revenue was <ix:nonFraction name="us-gaap:Revenues" contextRef="c1" scale="6">1,250</ix:nonFraction> million.</p>
</body></html>"""


@pytest.mark.parametrize("folder", [None, *filter(None, [os.environ.get("SWARMD_FILINGS_DIR")])])
async def test_annual_reports_become_readable_tasks(tmp_path: Path, folder: str | None) -> None:
    (tmp_path / "acme_10k.htm").write_text(REPORT)
    reports = Path(folder) if folder else tmp_path

    tasks = await decomposer(reports).tasks(FilesRequest(sources=FileSources(globs=("*.htm*",)), max_chars=100_000))

    texts: dict[str, str] = {}
    for task in tasks:
        name = task.data["name"].partition("#")[0]
        texts[name] = texts.get(name, "") + task.data["text"]
    assert set(texts) == {path.name for path in reports.glob("*.htm*")}
    assert all("revenue" in text.lower() and "<ix:" not in text and "<div" not in text for text in texts.values())
