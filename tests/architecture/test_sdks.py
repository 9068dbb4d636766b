"""The SDKs belong to this version of the product; that they fit its document is a step of ``scripts/check``."""

import json
import tomllib
from pathlib import Path

import app

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "openapi/sdk/python"
TYPESCRIPT = ROOT / "openapi/sdk/typescript"
DOCUMENT = json.loads((ROOT / "openapi/openapi.json").read_text(encoding="utf-8"))


def test_the_version_is_the_products() -> None:
    package = json.loads((TYPESCRIPT / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((TYPESCRIPT / "package-lock.json").read_text(encoding="utf-8"))
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    versions = {package["version"], lock["version"], lock["packages"][""]["version"], project["version"]}
    assert versions == {app.__version__, DOCUMENT["info"]["version"]}


def test_the_licence_is_the_products() -> None:
    licence = (ROOT / "LICENSE").read_bytes()

    assert {(folder / "LICENSE").read_bytes() for folder in (PYTHON, TYPESCRIPT)} == {licence}
