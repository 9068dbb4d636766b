"""Programs that deployments are made of, started by tests: found, or the reason why not, and stopped for certain."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.databases import database_env
from tests.support.service import DEADLINE_S, ROOT, ServiceProcess, clean_environment, poll


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (apt-get install {package})")
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def started(command: list[str], folder: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**clean_environment(), **env}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def swarmd(data_dir: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "app.cli", *arguments, "--data-dir", str(data_dir)]
    env = {**clean_environment(), **database_env(data_dir), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env, cwd=data_dir.parent).stdout


def mint(service: ServiceProcess, scopes: str) -> str:
    """Make the first key of a running service, and return it once the service asks for one."""
    key = json.loads(swarmd(service.data_dir, "keys", "create", "--scopes", scopes, "--json"))["key"]
    poll(lambda: httpx2.get(f"{service.url}/v1/swarms").status_code == 401, what="the key")
    return str(key)
