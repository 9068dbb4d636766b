"""The SDKs as a user has them: installed in a folder of their own, each with programs that use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import ROOT, ServiceProcess, clean_environment

PYTHON_SDK = ROOT / "openapi/sdk/python"
TYPESCRIPT_SDK = ROOT / "openapi/sdk/typescript"
_PYTHON = ROOT / ".venv-sdk/bin/python"
_NODE_MODULES = TYPESCRIPT_SDK / "node_modules"


@dataclass(frozen=True, slots=True)
class Sdk:
    """How a program that uses an installed SDK is run: the command, what its name ends with, where, and with what."""

    command: tuple[str, ...]
    suffix: str
    programs: Path
    environment: dict[str, str]

    def run(self, program: str, *arguments: str, timeout_s: float = 120, **environment: str) -> str:
        """Run one of the programs to its end, which must be a good one; return what it printed."""
        done = subprocess.run(
            self._line(program, *arguments),
            **self._options(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return str(done.stdout)

    @contextmanager
    def running(self, program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run one of the programs beside the test, its output in a pipe; killed with the block."""
        with subprocess.Popen(self._line(program, *arguments), **self._options({}), stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()

    def _line(self, program: str, *arguments: str) -> list[str]:
        return [*self.command, str(self.programs / f"{program}{self.suffix}"), *arguments]

    def _options(self, more: dict[str, str]) -> dict[str, Any]:
        environment = clean_environment() | self.environment | more
        return {"cwd": self.programs, "env": environment, "text": True, "stdin": subprocess.DEVNULL}


def python_sdk(folder: Path) -> Sdk:
    """Build the wheel and install it, on top of the locked packages that it asks for."""
    if not _PYTHON.exists():
        pytest.skip("needs the packages of the Python SDK: scripts/sdk --tools")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    source = folder / "source"  # building leaves traces
    shutil.copytree(PYTHON_SDK, source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    installed = folder / "installed"
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(installed), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    programs = folder / "programs"
    shutil.copytree(PYTHON_SDK / "tests", programs)
    return Sdk((str(_PYTHON), "-W", "error"), ".py", programs, {"PYTHONPATH": str(installed)})


def typescript_sdk(folder: Path) -> Sdk:
    """Pack the package and lay it out as npm would, beside the locked packages that it asks for."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Node.js: apt-get install nodejs npm")
    if not _NODE_MODULES.exists():
        pytest.skip("needs the packages of the TypeScript SDK: scripts/sdk --tools")
    packed = subprocess.run(
        [npm, "pack", "--json", "--pack-destination", str(folder)],
        cwd=TYPESCRIPT_SDK,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"npm_config_offline": "true", "npm_config_loglevel": "error"},
    )
    modules = folder / "node_modules"
    modules.mkdir()
    [package] = json.loads(packed.stdout)
    with tarfile.open(folder / package["filename"]) as archive:
        archive.extractall(folder, filter="data")
    (folder / "package").rename(modules / "swarmd-client")
    manifest = json.loads((modules / "swarmd-client/package.json").read_text())
    tried_with = ("openai", "ws", "zod")
    for name in (*manifest["dependencies"], "openapi-typescript-helpers", *tried_with):
        (modules / name).symlink_to(_NODE_MODULES / name)
    programs = folder / "programs"
    shutil.copytree(TYPESCRIPT_SDK / "tests", programs)
    return Sdk((node,), ".mjs", programs, {})


SDKS = {"python": python_sdk, "typescript": typescript_sdk}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A service that lets only holders of a key in, and one that may run."""

    service: ServiceProcess
    key: str

    @property
    def url(self) -> str:
        return self.service.url
