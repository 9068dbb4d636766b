"""What the tests of whole programs share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.terminal import Command, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start commands, each in a folder of its own; what still runs at the end of the test is killed."""
    with ExitStack() as stack:
        number = iter(range(100))

        def start_one(*arguments: str, **options: str) -> Command:
            command = Command(tmp_path / f"command{next(number)}", *arguments, **options)
            stack.callback(command.kill)
            return command

        yield start_one
