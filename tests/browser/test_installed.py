"""The wheel alone, in an environment of its own and with no Node on the path: the console is all there."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.support.service import ROOT, ServiceProcess, clean_environment

pytestmark = pytest.mark.long

INSTALL_TIMEOUT_S = 300


def run(*command: str | Path) -> None:
    """Run a command of the installation; what it says is shown when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    return folder


def kept() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "app/console"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def test_both_distributions_hold_every_file_of_the_console(built: Path) -> None:
    [wheel], [source] = built.glob("*.whl"), built.glob("*.tar.gz")

    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if name.startswith("app/console/")}
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]

    assert in_wheel == kept()
    assert {name for name in names if name.startswith("app/console/")} == kept()
    assert [name for name in names if "node_modules" in name] == []


def test_the_installed_console_runs_the_demo(built: Path, tmp_path: Path, open_page: OpenPage) -> None:
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", "--quiet")
    run(*pip, "--no-deps", "--require-hashes", "-r", ROOT / "requirements.lock")
    run(*pip, "--no-deps", next(built.glob("*.whl")))

    class Installed(ServiceProcess):
        command = (str(environment / "bin/swarmd"),)

    alone = {"PYTHONPATH": "", "PATH": str(environment / "bin")}
    assert not {"node", "npm"} & {path.name for path in (environment / "bin").iterdir()}
    assert "SWARMD_DATA_DIR" not in clean_environment()
    with Installed(tmp_path / "service", **alone) as service:
        page = open_page(service.url, theme="dark")
        page.goto("/console")
        page.get_by_role("button", name="Run the demo swarm").click()
        page.wait_for_url("**/console/runs/swm_*")

        expect(page.locator(".run-name")).to_contain_text("completed", timeout=60_000)
        for tab in ("Graph", "Timeline", "Tasks", "Messages", "Result"):
            page.get_by_role("navigation", name="Views of the run").get_by_role("link", name=tab).click()
            expect(page.locator(".tab")).to_be_visible()
        for place in ("New run", "Graphs", "Providers", "Keys", "Runs"):
            page.get_by_role("navigation", name="Screens").get_by_role("link", name=place).click()
            expect(page.get_by_role("heading", level=1)).to_be_visible()
