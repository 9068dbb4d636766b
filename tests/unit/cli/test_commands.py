"""Every command: it is there, its help says enough, and listing or completing the commands imports none of them."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from app.cli import COMMANDS, app

OF_RUNS = ("watch", "ls", "get", "logs", "cancel", "pause", "resume", "retry", "export", "artifacts", "usage")
HEAVY = {"httpx2", "orjson", "uvicorn", "fastapi", "sqlalchemy", "app.settings", "app.cli.client"}


def loaded(name: str) -> Any:
    return COMMANDS[name].load(name)


@pytest.mark.parametrize("name", OF_RUNS)
def test_the_help_of_a_command_has_its_exit_codes_and_an_example(name: str) -> None:
    command = loaded(name)

    assert "Exit code: " in command.help
    assert f"Example: `swarmd {name}" in command.help
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {"--url", "--api-key"} <= flags
    assert all(parameter.help for parameter in command.params)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_where_the_list_says(name: str) -> None:
    assert loaded(name).name == name


def test_each_command_of_the_list_is_one_of_the_app_in_the_same_order() -> None:
    assert list(typer.main.get_command(app).commands) == list(COMMANDS)  # type: ignore[attr-defined]


def modules_after(**env: str) -> set[str]:
    """The modules that the command has imported when it ends with what the variables ask for."""
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    code = f"{told}; from app.cli import main; main()"
    arguments = ["--help"] if not env else []
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    return set(done.stderr.decode().splitlines()[-1].split())


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"_SWARMD_COMPLETE": "complete_bash", "COMP_WORDS": "swarmd ", "COMP_CWORD": "1"},
        {"_SWARMD_COMPLETE": "complete_bash", "COMP_WORDS": "swarmd watch --", "COMP_CWORD": "2"},
        {"_SWARMD_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "swarmd export swm_1 --kind "},
        {
            "_SWARMD_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_ARGS": "swarmd ls --st",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    ],
)
def test_help_and_completion_import_nothing_that_takes_long(env: dict[str, str]) -> None:
    assert modules_after(**env) & HEAVY == set()
