"""Rules about the source text that no linter holds: the size of files, their names, and calls that may not be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 400
TEXT = {".py", ".sh", ".js", ".mjs", ".css", ".html", ".mako", ""}
NOT_OURS = {"__pycache__", "vendor", "versions"}
"""Folders of vendored libraries, and of migrations: generated, and never changed once released."""
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common"}

FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "asyncio.create_subprocess_shell",
    "tempfile.mktemp",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}


def source_files(*folders: str) -> Iterator[Path]:
    """List the hand-written text files of some folders of the project."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and not NOT_OURS.intersection(path.parts):
                yield path


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(node: ast.expr) -> str:
    """Spell a name or an attribute of a name: ``os.system``."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{dotted(value)}.{attribute}"
        case _:
            return "?"


def violations(source: str) -> Iterator[str]:
    """Name every forbidden call and import of a module, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=function, keywords=keywords):
                if dotted(function) in FORBIDDEN_CALLS:
                    yield f"{node.lineno}: {dotted(function)}()"
                for keyword in keywords:
                    if keyword.arg == "shell" and getattr(keyword.value, "value", True):
                        yield f"{node.lineno}: shell={ast.unparse(keyword.value)}"
            case ast.Import(names=names):
                for name in names:
                    if name.name.partition(".")[0] in FORBIDDEN_MODULES:
                        yield f"{node.lineno}: import {name.name}"
            case ast.ImportFrom(module=str(module)):
                for name in node.names:
                    full = f"{module}.{name.name}"
                    if module.partition(".")[0] in FORBIDDEN_MODULES or full in FORBIDDEN_CALLS:
                        yield f"{node.lineno}: from {module} import {name.name}"


def test_no_file_passes_400_lines() -> None:
    lengths = {relative(path): len(path.read_bytes().splitlines()) for path in source_files("app", "scripts", "tests")}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [relative(path) for path in source_files("app", "scripts", "tests") if path.stem in VAGUE] == []


def test_the_service_makes_no_call_that_runs_text_as_code() -> None:
    found = {
        relative(path): hits
        for path in source_files("app")
        if path.suffix == ".py" and (hits := list(violations(path.read_text(encoding="utf-8"))))
    }

    assert found == {}


@pytest.mark.parametrize(
    ("source", "violation"),
    [
        ("x = eval('1')", "1: eval()"),
        ("exec(code)", "1: exec()"),
        ("import pickle", "1: import pickle"),
        ("import pickle as p", "1: import pickle"),
        ("from pickle import loads", "1: from pickle import loads"),
        ("\nyaml.load(text)", "2: yaml.load()"),
        ("from yaml import load", "1: from yaml import load"),
        ("from os import system", "1: from os import system"),
        ("subprocess.run(c, shell=True)", "1: shell=True"),
        ("subprocess.run(c, shell=wanted)", "1: shell=wanted"),
        ("await asyncio.create_subprocess_shell(c)", "1: asyncio.create_subprocess_shell()"),
    ],
)
def test_a_forbidden_call_is_found(source: str, violation: str) -> None:
    assert list(violations(source)) == [violation]


@pytest.mark.parametrize(
    "source",
    [
        "re.compile('x')",
        "await asyncio.create_subprocess_exec('ls')",
        "session.exec(statement)",
        "subprocess.run(c, shell=False)",
        "yaml.safe_load(text)",
        "note = 'eval(x), pickle and shell=True in a text'",
    ],
)
def test_an_allowed_call_is_not(source: str) -> None:
    assert list(violations(source)) == []
