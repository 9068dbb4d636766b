"""The lock files say the same as ``pyproject.toml``, pin and hash everything, and name no host."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
NAMES = ["requirements.lock", "requirements-build.lock", "requirements-dev.lock", "requirements-sdk.lock"]
SDKS = ROOT / "openapi/sdk"
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][^ ;]*)( ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(name: str) -> list[list[str]]:
    """Split a lock file into the logical lines, each a requirement followed by its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "\0")
    return [[part.strip() for part in line.split("\0")] for line in text.splitlines() if not line.startswith("#")]


def pins(name: str) -> dict[str, set[str]]:
    """Map each package of a lock file to its versions: more than one where markers tell them apart."""
    found: dict[str, set[str]] = {}
    for requirement, *_ in entries(name):
        match = PIN.fullmatch(requirement)
        assert match is not None, f"{name} has a line that pins nothing: {requirement}"
        found.setdefault(match["name"], set()).add(match["version"])
    return found


def wanted(section: str) -> list[Requirement]:
    """Read the requirements of a section of ``pyproject.toml``."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    texts = {
        "runtime": project["project"]["dependencies"],
        "build": project["build-system"]["requires"],
        "dev": project["project"]["optional-dependencies"]["dev"],
        "generator": project["dependency-groups"]["sdk"],
        "sdk": tomllib.loads((SDKS / "python/pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"],
    }[section]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_a_pin_with_hashes_and_nothing_else(name: str) -> None:
    for requirement, *hashes in entries(name):
        assert PIN.fullmatch(requirement), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(HASH.fullmatch(each) for each in hashes), requirement


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("runtime", NAMES[0]),
        ("build", NAMES[1]),
        *((each, NAMES[2]) for each in ("runtime", "dev")),
        *((each, NAMES[3]) for each in ("generator", "sdk")),
    ],
)
def test_a_lock_fits_pyproject(section: str, name: str) -> None:
    locked = pins(name)

    for requirement in wanted(section):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is missing in {name}: run scripts/lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: run scripts/lock"


def test_the_lock_file_of_npm_has_hashes_and_no_host() -> None:
    lock = json.loads((SDKS / "typescript/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages
    for name, package in packages.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"]), name
        assert "resolved" not in package, f"{name}: npm wrote a host; openapi/sdk/typescript/.npmrc keeps it from that"


def test_the_development_lock_holds_the_other_two_at_the_same_versions() -> None:
    development = pins("requirements-dev.lock")

    for name in NAMES[:2]:
        for package, versions in pins(name).items():
            assert development.get(package) == versions, f"{package}: run scripts/lock"
