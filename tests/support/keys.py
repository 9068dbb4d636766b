"""API keys for tests: as ``swarmd keys create`` makes them, without a process for each."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli.keys import keys
from tests.support.databases import database_env


def mint(data_dir: Path, tenant: str, scopes: str) -> dict[str, Any]:
    """Make a key, also beside a service that runs there; return what the command says, ``key`` among it.

    Args:
        scopes: separated by commas.
    """
    arguments = ["create", "--scopes", scopes, "--tenant", tenant, "--json", "--data-dir", str(data_dir)]
    with ThreadPoolExecutor(1) as beside_any_loop:
        made = beside_any_loop.submit(CliRunner().invoke, keys, arguments, env=database_env(data_dir)).result()
    assert made.exit_code == 0, made.output
    found: dict[str, Any] = json.loads(made.stdout)
    return found
