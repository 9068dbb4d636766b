"""Every command, program, body and setting that the README shows is run in the order of the page, against a service.

A block whose fence does not say what it is for fails, and so does an output that is not what the block above it prints.
``tests/support/documents.py`` says what there is; what is not run stands in ``NOT_RUN``, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from app.api.openapi import DESCRIPTION
from tests.support.documents import Terminal, blocks_of
from tests.support.service import ROOT

BLOCKS = blocks_of("README.md", (ROOT / "README.md").read_text(encoding="utf-8"))

SUBSTITUTIONS = {
    # The tests would run themselves.
    "scripts/test  ": "scripts/test --help >tests-help.txt  ",
}

NOT_RUN = {
    "from swarmd_client import AuthenticatedClient, ok": "test_sdk_smoke.py runs it, with the SDK installed",
    'import { createSwarmd, ok } from "swarmd-client";': "test_sdk_smoke.py runs it, with the SDK installed",
    "export DEEPSEEK_API_KEY=…     # or MOONSHOT_API_KEY, OPENAI_API_KEY; any other endpoint: see Model providers": (
        "a vendor's own endpoint would be asked, and a key paid for"
    ),
    "swarmd chaos --kills 10": "test_chaos_command.py runs it; a busy machine is slower than it allows for a restart",
    "pip install 'swarmd[postgres,nats]'": "tests/e2e/distributed starts the same, on servers of its own",
    "docker build -t swarmd .": (
        "there is no container engine; test_deployment_files.py checks the Dockerfile, test_deployment.py its command"
    ),
}

Reader = Callable[[int], None]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with Terminal(tmp_path_factory.mktemp("readme"), substitutions=SUBSTITUTIONS, not_run=NOT_RUN) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def read_to(terminal: Terminal) -> Reader:
    """Run the blocks up to one that was not run yet: each needs those above it, whichever test is asked for."""
    done = iter(range(len(BLOCKS)))
    failed: dict[int, AssertionError] = {}
    last = -1

    def read(number: int) -> None:
        nonlocal last
        while last < number:
            last = next(done)
            try:
                terminal.run(BLOCKS[last])
            except AssertionError as exc:
                failed[last] = exc
        if number in failed:
            raise failed[number]

    return read


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[block.name for block in BLOCKS])
def test_block(number: int, read_to: Reader) -> None:
    read_to(number)


@pytest.mark.long
def test_what_is_not_run_is_still_there(terminal: Terminal, read_to: Reader) -> None:
    read_to(len(BLOCKS) - 1)

    assert terminal.skipped == set(NOT_RUN)


def test_what_stands_above_the_calls_at_docs(tmp_path: Path) -> None:
    page = "```sh background\nswarmd serve\n```\n" + DESCRIPTION
    with Terminal(tmp_path) as terminal:
        for block in blocks_of("/docs", page):
            terminal.run(block)


def test_recipes_show_what_they_print() -> None:
    """Each of the five has a run of its own with its output."""
    shown = [command for command, output in pairwise(BLOCKS) if command.language == "sh" and "output" in output.flags]

    assert {name for name in _recipes() if not any(f"--recipe {name}" in block.text for block in shown)} == set()


def _recipes() -> set[str]:
    return {path.stem for path in (ROOT / "app" / "recipes").glob("*.toml")}
