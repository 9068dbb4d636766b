"""The environment is set up once, again after a change, and never trusted after an interruption."""

from pathlib import Path

import pytest

from scripts.lib import environment

VERSION = "3.11"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the script a checkout of its own, with lock files and an environment without any stamp."""
    venv = tmp_path / ".venv"
    venv.mkdir()
    for name in ("pyproject.toml", *(lock for locks in environment.LOCKS.values() for lock in locks)):
        (tmp_path / name).write_text(f"{name} as it was\n")
    monkeypatch.setattr(environment, "ROOT", str(tmp_path))
    monkeypatch.setattr(environment, "VENV", str(venv))
    monkeypatch.setattr(environment, "UNDER_WAY", str(venv / ".swarmd-installing"))
    return tmp_path


def finish(kind: str) -> None:
    """Leave what a finished installation leaves."""
    Path(environment.stamp_path(kind)).write_bytes(environment.stamp(kind, VERSION))


def test_an_environment_without_a_stamp_is_not_finished(checkout: Path) -> None:
    assert not environment.is_finished("runtime", VERSION)


def test_a_finished_environment_is_not_made_again(checkout: Path) -> None:
    finish("runtime")

    assert environment.is_finished("runtime", VERSION)


def test_the_development_environment_also_runs_the_service_but_not_the_other_way_round(checkout: Path) -> None:
    finish("dev")
    assert environment.is_finished("runtime", VERSION)

    Path(environment.stamp_path("dev")).unlink()
    finish("runtime")
    assert not environment.is_finished("dev", VERSION)


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock", "requirements-build.lock"])
def test_a_changed_file_is_noticed(checkout: Path, name: str) -> None:
    finish("runtime")
    (checkout / name).write_text("another version\n")

    assert not environment.is_finished("runtime", VERSION)


def test_another_python_is_noticed(checkout: Path) -> None:
    finish("runtime")

    assert not environment.is_finished("runtime", "3.12")


def test_an_interrupted_installation_is_not_trusted_whatever_the_stamp_says(checkout: Path) -> None:
    finish("runtime")
    Path(environment.UNDER_WAY).touch()

    assert not environment.is_finished("runtime", VERSION)


def test_a_moved_checkout_is_noticed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish("dev")
    assert not environment.was_moved()

    monkeypatch.setattr(environment, "ROOT", f"{checkout}/elsewhere")
    assert environment.was_moved()


def test_the_packages_of_a_lock_file_are_counted(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("a==1 \\\n    --hash=sha256:0\nb==2 ; python_version < '4' \\\n    --hash=sha256:1\n")

    assert environment.count_packages(str(lock)) == 2
