"""Files that come into a task's folder and go out of it: after a crash at any step the same ones are there."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.ports.tools import ToolRefused
from app.tools.sandbox.folders import Quota, TaskFolder, TaskFolders
from app.tools.sandbox.staging import bring, is_prepared, outgoing, restore, settle
from tests.support.kept_files import kept, put

PAGE = os.sysconf("SC_PAGESIZE")


@pytest.fixture
def folder(tmp_path: Path) -> TaskFolder:
    made = TaskFolders(tmp_path / "files", Quota(bytes=4 * PAGE, files=4)).of("swarm", "a")
    made.create()
    return made


def record(folder: TaskFolder, run_key: str, files: Mapping[str, bytes], wanted: list[str]) -> None:
    """What a run does in the end: its files, its result and its pins in one change."""
    change = folder.change()
    for name, content in files.items():
        change.put(name, content)
    change.remember(run_key, f"said by {run_key}")
    change.unpin(run_key)
    if wanted:
        change.pin(run_key, wanted)
    change.commit()


def on_disk(place: Path) -> int:
    return len([path for path in place.rglob("*") if path.is_file() and path.name != "index.json"])


def test_what_comes_in_lies_beside_and_in_place_of_what_is_there(folder: TaskFolder, tmp_path: Path) -> None:
    put(tmp_path, {"old": b"1", "same": b"2"})

    bring(folder, "r1", {"same": b"3", "new": b"4"}, "of the workspace")

    assert kept(tmp_path) == {"old": b"1", "same": b"3", "new": b"4"}
    assert restore(folder, "r1") == "of the workspace"


def test_a_repeated_run_finds_what_the_first_was_brought(folder: TaskFolder, tmp_path: Path) -> None:
    bring(folder, "r1", {"a": b"first"}, "")
    put(tmp_path, {"a": b"of another run", "b": b"2"})

    assert is_prepared(folder, "r1")
    restore(folder, "r1")

    assert kept(tmp_path) == {"a": b"first", "b": b"2"}


def test_a_run_that_was_brought_nothing_finds_what_is_there(folder: TaskFolder, tmp_path: Path) -> None:
    put(tmp_path, {"a": b"1"})

    assert not is_prepared(folder, "r1")
    assert restore(folder, "r1") == ""
    assert kept(tmp_path) == {"a": b"1"}


def test_what_goes_out_is_what_the_run_left_whatever_came_later(folder: TaskFolder) -> None:
    record(folder, "r1", {"a": b"first", "b": b"1"}, ["a"])
    record(folder, "r2", {"a": b"second"}, ["a"])

    assert {name: stored.path.read_bytes() for name, stored in outgoing(folder, "r1").items()} == {"a": b"first"}
    assert {name: stored.path.read_bytes() for name, stored in outgoing(folder, "r2").items()} == {"a": b"second"}


def test_what_came_in_does_not_go_out(folder: TaskFolder) -> None:
    bring(folder, "r1", {"a": b"1"}, "")

    assert outgoing(folder, "r1") == {}


def test_once_settled_nothing_goes_out_again_and_nothing_lies_about(folder: TaskFolder, tmp_path: Path) -> None:
    record(folder, "r1", {"a": b"first"}, ["a"])
    record(folder, "r2", {"a": b"second"}, [])
    assert on_disk(tmp_path) == 4  # both versions of the file, both results

    settle(folder, "r1", "saved")

    assert (outgoing(folder, "r1"), folder.result("r1"), folder.result("r2")) == ({}, "saved", "said by r2")
    assert kept(tmp_path) == {"a": b"second"}
    assert on_disk(tmp_path) == 3


def test_runs_that_are_never_repeated_pin_files_of_four_at_most(folder: TaskFolder, tmp_path: Path) -> None:
    for number in range(10):
        bring(folder, f"r{number}", {"a": str(number).encode()}, "")

    assert [is_prepared(folder, f"r{number}") for number in (5, 6, 9)] == [False, True, True]
    assert on_disk(tmp_path) == 4


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a": b"x" * 3 * PAGE, "b": b"x" * 2 * PAGE}, f"{4 * PAGE:,} bytes together; bring in fewer, or first delete"),
        (dict.fromkeys("abcde", b""), "4 files and folders; bring in fewer"),
        ({"good": b"1", "there/below": b"2"}, "'there' cannot be a file and a folder at once"),
    ],
)
def test_what_there_is_no_room_for_leaves_the_folder_as_it_was(
    folder: TaskFolder, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    put(tmp_path, {"there": b"1", "there!": b"2"})

    with pytest.raises(ToolRefused, match=reason):
        bring(folder, "r1", files, "")

    assert kept(tmp_path) == {"there": b"1", "there!": b"2"}
    assert not is_prepared(folder, "r1")
    assert on_disk(tmp_path) == 2
