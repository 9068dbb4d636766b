"""The console's files, as a browser will be sent them: libraries as their list says, modules that can be loaded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.console.pages import FOLDER, MEDIA_TYPES, PREFIX
from app.main import create_app
from app.settings import Settings

VENDOR = FOLDER / "vendor"
MODULES = sorted(path for path in FOLDER.rglob("*.js") if VENDOR not in path.parents)
LIST = json.loads((VENDOR / "VENDOR.json").read_text())
IMPORT = re.compile(
    r"""(?:^|\s)(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)";|\bimport\("([^"]+)"\)""", re.MULTILINE
)
INTO_THE_PAGE = re.compile(
    r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet"
)
"""Ways in which a text of a model could become part of the page's code."""


def name(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def imports(path: Path) -> Iterator[str]:
    for match in IMPORT.finditer(path.read_text()):
        yield match[1] or match[2]


@pytest.mark.parametrize("entry", LIST, ids=lambda entry: entry["file"])
def test_a_library_is_the_one_that_was_written(entry: dict[str, str]) -> None:
    assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]


def test_every_library_is_on_the_list_with_version_licence_and_source() -> None:
    listed = {entry["file"] for entry in LIST}
    licences = (VENDOR / "LICENSES.txt").read_text()

    assert {path.name for path in VENDOR.iterdir()} == listed | {"VENDOR.json", "LICENSES.txt"}
    for part in (part for entry in LIST for part in entry["parts"]):
        assert part["license"], part
        assert part["source"].startswith("https://github.com/"), part
        assert f"{part['name']} {part['version']}\n" in licences, part


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_what_a_module_imports_is_there(path: Path) -> None:
    missing = [found for found in imports(path) if not (found.startswith(".") and (path.parent / found).is_file())]

    assert missing == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_makes_code_of_text(path: Path) -> None:
    assert INTO_THE_PAGE.findall(path.read_text()) == []


def test_what_the_page_and_the_style_sheets_name_is_there_and_ours() -> None:
    page = (FOLDER / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(named) > 5
    for url in named:
        if url.startswith(f"{PREFIX}/assets/"):
            path = FOLDER / url.removeprefix(f"{PREFIX}/assets/")
            assert path.is_file(), url
            assert path.suffix in MEDIA_TYPES, url
        else:
            assert url == "/docs"
    for sheet in FOLDER.rglob("*.css"):
        assert re.findall(r"url\(|@import", sheet.read_text()) == [], name(sheet)
    linked = {url.rpartition("/")[2] for url in named if url.endswith(".css")}
    assert {sheet.name for sheet in (FOLDER / "style").iterdir()} == linked


def test_an_import_that_is_missing_is_found(tmp_path: Path) -> None:
    module = tmp_path / "a.js"
    module.write_text(
        'import { x } from "./b.js";\nimport "./c.js";\nexport { y } from "./d.js";\nawait import("./e.js");\n'
    )

    assert list(imports(module)) == ["./b.js", "./c.js", "./d.js", "./e.js"]


def test_the_pages_are_no_part_of_the_openapi_document() -> None:
    assert [path for path in create_app(Settings()).openapi()["paths"] if path.startswith(PREFIX)] == []
