"""The README tells what exists: no setting, command, script, call, file or section that is not there."""

import json
import re
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
METHOD = r"(?:GET|POST|PUT|PATCH|DELETE)"
CLI_VARIABLES = {"SWARMD_URL", "SWARMD_API_KEY"}


TABLE = re.findall(r"^\| `SWARMD_(\w+)` \|(?: `([^`]*)`)? *\|", README, re.MULTILINE)
"""Name and default of each setting that the README's table shows; ``scripts/deploy/settings.md`` has all of them."""


def test_the_table_shows_settings_once_each() -> None:
    names = [name.lower() for name, _ in TABLE]

    assert len(names) >= 20
    assert set(names) - Settings.model_fields.keys() == set()
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("name", "shown"), TABLE)
def test_the_default_in_the_table_is_the_default(name: str, shown: str) -> None:
    field = Settings.model_fields[name.lower()]
    default = field.default if field.default_factory is None else None

    # A float shows without its ".0", a path as the relative one it is, a flag as in a variable, None as nothing.
    written = re.sub(r"\.0$", "", str("" if default is None else default)).replace("True", "true")
    assert shown.removeprefix("./") == written.replace("False", "false")


def test_no_variable_is_named_that_nothing_reads() -> None:
    known = {f"SWARMD_{name.upper()}" for name in Settings.model_fields} | CLI_VARIABLES

    assert set(re.findall(r"\bSWARMD_\w+", README)) - known == set()


def test_every_script_named_exists() -> None:
    named = set(re.findall(r"(?:scripts|\.ci)/\w+", README))

    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_command_named_exists() -> None:
    from app.cli import app

    commands = {
        command.name or str(getattr(command.callback, "__name__", "")).replace("_", "-")
        for command in app.registered_commands
    }
    named = set(re.findall(r"(?:`swarmd|scripts/run) ([a-z][a-z-]+)", README))

    assert named
    assert named - commands == set()


def test_every_link_leads_somewhere() -> None:
    plain = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    anchors = {anchor_of(heading) for heading in re.findall(r"^#{1,6} (.+)$", plain, re.MULTILINE)}
    links = re.findall(r"\]\(([^)\s]+)\)", plain)

    assert links
    missing = {link for link in links if link.startswith("#") and link[1:] not in anchors}
    missing |= {link for link in links if not re.match(r"#|https?:", link) and not (ROOT / link).exists()}
    assert missing == set()


def anchor_of(heading: str) -> str:
    """As the usual hosts make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_call_named_is_one_of_the_api() -> None:
    paths = json.loads((ROOT / "openapi" / "openapi.json").read_text())["paths"]
    offered = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, item in paths.items() for method in item}
    named = [
        (method, spelled_out(re.sub(r"\{\w+\}|<[^>]+>", "{}", path)))
        for methods, path in re.findall(rf"\b({METHOD}(?:[,/ ]+{METHOD})*) (/v1/[^\s`?…]*)", README)
        for method in re.findall(METHOD, methods)
    ]

    assert len(named) > 20
    assert [call for call in named if not any((call[0], path) in offered for path in call[1])] == []


def spelled_out(path: str) -> list[str]:
    """``/memory[/{}]`` is two paths."""
    optional = re.search(r"\[([^\]]*)\]", path)
    if optional is None:
        return [path.rstrip(".,:;)")]
    return [path.replace(optional[0], "").rstrip(".,:;)"), path.replace(optional[0], optional[1]).rstrip(".,:;)")]
