"""``swarmd`` whose one tool is a ledger: each run writes a line when it begins and one when it ends.

``python -m tests.support.ledger_service <file> serve ...``. Lines survive a kill of the process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from app.cli import main
from app.main import create_app
from app.ports.tools import ToolContext, ToolResult, ToolSpec
from tests.support.service import ServiceProcess

TOOL = "ledger"
_TAKES_S = 0.05
"""So that a kill can land within a run."""


class Ledger:
    spec = ToolSpec(
        name=TOOL,
        description="Note a number.",
        parameters={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    )

    def __init__(self, path: Path) -> None:
        self._path = path

    def unavailable(self) -> str | None:
        return None

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        self._note("begun", context.run_key)
        await asyncio.sleep(_TAKES_S)
        self._note("ended", context.run_key)
        return ToolResult(content=f"noted {arguments['n']}")

    def _note(self, what: str, key: str) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{what} {key}\n".encode())
        finally:
            os.close(file)


class LedgerService(ServiceProcess):
    """The service with the ledger at ``folder / "ledger"``."""

    def __init__(self, folder: Path, *flags: str) -> None:
        super().__init__(folder, *flags)
        self.ledger = folder / "ledger"
        self.command = (sys.executable, "-m", "tests.support.ledger_service", str(self.ledger))

    def __enter__(self) -> LedgerService:
        self.start()
        return self

    def noted(self) -> list[tuple[str, str]]:
        """What began and what ended, by run key, in order."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return [(what, key) for what, _, key in (line.partition(" ") for line in text.splitlines())]


if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    with mock.patch("app.cli.hosting.create_app", partial(create_app, tools=[Ledger(path)])):
        main()
