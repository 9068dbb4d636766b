"""The README tells what exists: every setting, and no command, script or variable that is not there."""

import re
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLI_VARIABLES = {"SWARMD_URL", "SWARMD_API_KEY"}


def test_every_setting_is_in_the_table_and_no_other_is() -> None:
    table = set(re.findall(r"^\| `(SWARMD_\w+)` \|", README, re.MULTILINE))

    assert table == {f"SWARMD_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(
    "name",
    sorted(name for name, field in Settings.model_fields.items() if field.default_factory is None and field.default),
)
def test_the_default_in_the_table_is_the_default(name: str) -> None:
    row = re.search(rf"^\| `SWARMD_{name.upper()}` \| `([^`]*)` \|", README, re.MULTILINE)
    default = Settings.model_fields[name].default

    assert row is not None, f"the row of {name} shows no default"
    # A float shows without its ".0", a path as the relative one it is, a flag as a variable is written.
    assert row[1].removeprefix("./") == re.sub(r"\.0$", "", str(default)).replace("True", "true")


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
