"""``file_reader`` shows portions of files of the workspace and of uploads, and nothing outside them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from app.documents.isolated import Workers
from app.documents.reader import Documents
from app.ports.files import FileRow, UploadTooLong
from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.tools.file_reader import MAX_FILE_BYTES, FileReader
from app.workspace.directory import DirectoryWorkspace
from tests.support.office_files import excel, pdf, word

pytestmark = pytest.mark.anyio

CONTEXT = ToolContext(
    tenant_id="ten_a", agent_id="agt_1", swarm_id="swm_1", task_id="t", index=0, sub_agent_id="sub_1", run_key="r"
)
SECRET = "what is outside of the workspace"


class Uploaded:
    """Uploads of two tenants, in memory."""

    def __init__(self) -> None:
        self.files = {
            ("ten_a", "fil_1"): pdf(["mine"]),
            ("ten_b", "fil_2"): b"of another tenant",
            ("ten_a", "fil_3"): b"<p>net <b>sales</b></p>",
        }
        self.names = {"fil_1": "mine.pdf", "fil_2": "theirs.txt", "fil_3": "sales.html"}

    def _row(self, tenant_id: str, file_id: str) -> FileRow:
        return FileRow(
            file_id=file_id,
            tenant_id=tenant_id,
            name=self.names[file_id],
            media_type="text/plain",
            size_bytes=1,
            sha256="",
            created_at_ms=0,
        )

    async def find(self, tenant_id: str, file_id_or_name: str) -> FileRow | None:
        for owner, file_id in self.files:
            if owner == tenant_id and file_id_or_name in {file_id, self.names[file_id]}:
                return self._row(tenant_id, file_id)
        return None

    async def matching(self, tenant_id: str, pattern: str, limit: int) -> Sequence[FileRow]:
        rows = [self._row(owner, file_id) for owner, file_id in self.files if owner == tenant_id]
        return sorted((row for row in rows if fnmatchcase(row.name, pattern)), key=lambda row: row.name)[:limit]

    async def read(self, tenant_id: str, file_id_or_name: str, max_bytes: int) -> bytes | None:
        content = self.files.get((tenant_id, file_id_or_name))
        if content is not None and len(content) > max_bytes:
            raise UploadTooLong("the file is too long")
        return content


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text(SECRET)
    made = tmp_path / "workspace"
    made.mkdir()
    return made


@pytest.fixture
async def reader(root: Path) -> AsyncIterator[FileReader]:
    async with Workers() as workers:
        yield FileReader(DirectoryWorkspace(root), Documents(workers), Uploaded())


async def run(reader: FileReader, path: str, **arguments: Any) -> ToolResult:
    return await reader.run(CONTEXT, {"path": path} | arguments)


async def refusal(reader: FileReader, path: str, **arguments: Any) -> str:
    with pytest.raises(ToolRefused) as caught:
        await run(reader, path, **arguments)
    return caught.value.detail


async def test_every_kind_of_file_is_read(reader: FileReader, root: Path) -> None:
    files = {
        "a.txt": "Grüße\r\nzwei".encode(),
        "a.md": b"# Title",
        "a.json": b'{"net_sales": 680985}',
        "a.csv": b"year,sales\n2025,680985",
        "a.html": b"<html><title>t</title><p>Net <b>sales</b></p><script>no</script>",
        "a.pdf": pdf(["first", "second"]),
        "a.docx": word([("Heading 1", "Top"), ("Normal", "text")]),
        "a.xlsx": excel({"Income": [["Net sales", 680985]], "Notes": [["n"]]}),
    }
    for name, content in files.items():
        (root / name).write_bytes(content)

    assert {name: (await run(reader, name)).content for name in files} == {
        "a.txt": "Grüße\nzwei",
        "a.md": "# Title",
        "a.json": '{"net_sales": 680985}',
        "a.csv": "year,sales\n2025,680985",
        "a.html": "t\n\nNet sales",
        "a.pdf": "[page 1 of 2]\nfirst\n[page 2 of 2]\nsecond",
        "a.docx": "# Top\ntext",
        "a.xlsx": "[sheets: Income, Notes]\n[sheet 1 of 2: Income]\nNet sales\t680985\n[sheet 2 of 2: Notes]\nn",
    }


async def test_pages_sheets_lines_and_words_are_picked_out(reader: FileReader, root: Path) -> None:
    (root / "a.pdf").write_bytes(pdf([f"page {number}\nof the report" for number in range(1, 12)]))
    (root / "a.xlsx").write_bytes(excel({"Income": [["x"]], "Balance": [["assets", 5], ["debts", 3]]}))
    (root / "a.txt").write_text("\n".join(f"line {number}" for number in range(1, 101)))

    assert (await run(reader, "a.pdf", pages="10-, 2")).content == (
        "[page 10 of 11]\npage 10\nof the report\n[page 11 of 11]\npage 11\nof the report\n"
        "[page 2 of 11]\npage 2\nof the report"
    )
    assert (await run(reader, "a.xlsx", sheet="Balance", lines="2")).content == (
        "[sheets: Income, Balance]\n[sheet 2 of 2: Balance]\ndebts\t3\n[lines 2-2 of 2]"
    )
    assert (await run(reader, "a.txt", lines="98-200")).content == "line 98\nline 99\nline 100\n[lines 98-100 of 100]"
    found = await run(reader, "a.pdf", find="PAGE 7")
    assert found.content.startswith("[page 7 of 11] lines 11-15\n")
    assert found.details == {"lines": 22, "pages": 11, "matches": 1}
    assert "does not stand in" in (await run(reader, "a.txt", find="absent")).content


async def test_a_long_file_comes_in_portions_that_can_be_followed(reader: FileReader, root: Path) -> None:
    (root / "long.txt").write_text("\n".join(f"line {number}" for number in range(1, 5001)))

    first = (await run(reader, "long.txt")).content
    assert len(first) < reader.spec.max_output_chars
    more = first.rpartition('"lines": "')[2].partition('"')[0]
    second = (await run(reader, "long.txt", lines=more)).content

    assert second.startswith(f"line {more.partition('-')[0]}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pages": "0"}, "pages: expected numbers from 1"),
        ({"pages": "x"}, "pages: expected a number"),
        ({"pages": "3-1"}, "the smaller one first"),
        ({"pages": "-3"}, "pages: expected a number"),
        ({"pages": "1," * 30}, "at most 20 ranges"),
        ({"pages": "2"}, "it has no pages"),
        ({"lines": "1,2"}, "lines: expected a number"),
        ({"lines": "9"}, "there are 1 lines"),
        ({"sheet": "x"}, "it has no sheets"),
        ({"find": " "}, "only blanks"),
    ],
)
async def test_wrong_arguments_tell_the_model_what_to_do(
    reader: FileReader, root: Path, arguments: dict[str, str], says: str
) -> None:
    (root / "a.txt").write_text("one line")
    assert says in await refusal(reader, "a.txt", **arguments)


async def test_uploads_are_read_by_id_and_only_by_their_tenant(reader: FileReader, root: Path) -> None:
    assert (await run(reader, "fil_1")).content == "[page 1 of 1]\nmine"
    assert "no uploaded file 'fil_2'" in await refusal(reader, "fil_2")


async def test_an_uploaded_file_is_of_the_kind_that_its_name_says_also_by_its_id(reader: FileReader) -> None:
    assert (await run(reader, "fil_3")).content == (await run(reader, "sales.html")).content == "net sales"


async def test_a_pattern_lists_the_callers_uploads_before_the_workspace(reader: FileReader, root: Path) -> None:
    (root / "plan.html").write_text("x")

    found = await run(reader, "*.html")

    assert found.content.splitlines() == [
        "sales.html",
        "[uploaded files end here, 1 of them; what follows is of the workspace]",
        "plan.html",
    ]
    assert found.details == {"files": 2}
    assert "theirs" not in (await run(reader, "*")).content


async def test_uploads_are_listed_where_there_is_no_workspace() -> None:
    async with Workers() as workers:
        reader = FileReader(DirectoryWorkspace(None), Documents(workers), Uploaded())
        assert (await run(reader, "*")).content.splitlines()[:2] == ["mine.pdf", "sales.html"]


async def test_a_pattern_lists_files(reader: FileReader, root: Path) -> None:
    (root / "reports").mkdir()
    for name in ("b.txt", "a.txt", "c.pdf"):
        (root / "reports" / name).write_text("x")

    assert (await run(reader, "**/*.txt")).content == "reports/a.txt\nreports/b.txt"
    assert "no uploaded file and none of the workspace matches" in (await run(reader, "*.xls")).content


async def test_paths_do_not_lead_outside(reader: FileReader, root: Path) -> None:
    (root / "link.txt").symlink_to("../secret.txt")
    (root / "up").symlink_to("..")
    ways = ["../secret.txt", "x/../../secret.txt", str(root.parent / "secret.txt"), "link.txt", "up/secret.txt"]
    naive = [os.path.join(root, way) for way in ways if not way.startswith("x/")]
    assert {Path(path).read_text() for path in naive} == {SECRET}

    for way in [*ways, "/proc/self/environ", "up/../secret.txt", "./../secret.txt", "..", "/"]:
        assert SECRET not in await refusal(reader, way)
    assert "secret" not in (await run(reader, "**/*.txt")).content


async def test_a_file_that_is_swapped_for_a_link_after_the_check_is_not_followed(
    reader: FileReader, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "a.txt"
    real_stat, swapped = os.stat, []

    def stat_then_swap(target: Any, *args: Any, **options: Any) -> os.stat_result:
        found = real_stat(target, *args, **options)
        if str(target).endswith("a.txt"):
            path.unlink()
            path.symlink_to("../secret.txt")
            swapped.append(target)
        return found

    path.write_text("harmless")
    monkeypatch.setattr(os, "stat", stat_then_swap)
    assert os.stat(path, follow_symlinks=False).st_size == len("harmless")
    assert path.read_text() == SECRET  # checked and then opened by name: the naive way

    path.unlink()
    path.write_text("harmless")
    swapped.clear()
    assert SECRET not in await refusal(reader, "a.txt")
    assert swapped


async def test_fifos_and_huge_files_neither_hang_nor_fill_the_memory(reader: FileReader, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with open(root / "sparse.bin", "wb") as file:
        file.truncate(10 * 1024**3)
    assert (root / "sparse.bin").stat().st_size > 300 * MAX_FILE_BYTES

    async with asyncio.timeout(30):
        assert "not a regular file" in await refusal(reader, "pipe")
        assert "longer than" in await refusal(reader, "sparse.bin")


async def test_a_scanned_document_is_told_from_an_empty_one(reader: FileReader, root: Path) -> None:
    (root / "scan.pdf").write_bytes(pdf(["", ""]))
    assert "[these pages hold no text; perhaps they are pictures of it]" in (await run(reader, "scan.pdf")).content


async def test_binaries_are_refused_by_their_kind(reader: FileReader, root: Path) -> None:
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "images are not supported" in await refusal(reader, "a.png")


async def test_without_a_workspace_the_model_is_told() -> None:
    async with Workers() as workers:
        reader = FileReader(DirectoryWorkspace(None), Documents(workers))
        assert "no workspace" in await refusal(reader, "a.txt")
        assert reader.unavailable() is None
