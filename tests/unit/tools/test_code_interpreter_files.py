"""What is kept of a task's files, and what is taken out of a folder that untrusted code wrote into."""

import os
from pathlib import Path

import pytest

from app.tools.sandbox.folders import FolderFull, Quota, TaskFolder, TaskFolders
from app.tools.sandbox.tree import TooManyFiles, Tree

PAGE = os.sysconf("SC_PAGESIZE")


@pytest.fixture
def folders(tmp_path: Path) -> TaskFolders:
    return TaskFolders(tmp_path / "files", Quota(bytes=4 * PAGE, files=3))


@pytest.fixture
def folder(folders: TaskFolders) -> TaskFolder:
    made = folders.of("swarm", "task")
    made.create()
    return made


def put(folder: TaskFolder, **files: bytes) -> None:
    change = folder.change()
    for name, content in files.items():
        change.put(name, content)
    change.commit()


def contents(folder: TaskFolder) -> dict[str, bytes]:
    return {name: stored.path.read_bytes() for name, stored in folder.files().items()}


def taken(root: Path, max_entries: int = 100) -> tuple[dict[str, bytes], list[str]]:
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        tree = Tree(handle, max_entries)
        found = {name: os.read(file, 1000) for name, file in tree.files()}
        return found, tree.passed_over
    finally:
        os.close(handle)


def test_a_change_is_seen_when_it_is_committed(folder: TaskFolder) -> None:
    put(folder, a=b"1", b=b"2")
    before = folder.files()
    change = folder.change()
    change.keep("a", before["a"])
    change.put("c", b"3")

    seen = contents(folder)
    change.commit()

    assert seen == {"a": b"1", "b": b"2"}
    assert contents(folder) == {"a": b"1", "c": b"3"}


def test_nothing_lies_about_that_no_index_names(folder: TaskFolder, tmp_path: Path) -> None:
    put(folder, a=b"1", b=b"2")
    put(folder, a=b"new")
    change = folder.change()
    change.put("lost", b"3")
    change.abandon()

    assert contents(folder) == {"a": b"new"}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(
    "files", [{"a": b"x" * 2 * PAGE, "b": b"x" * (2 * PAGE + 1)}, dict.fromkeys("abcd", b""), {"a/b/c/d": b""}]
)
def test_a_folder_takes_no_more_than_its_quota(folder: TaskFolder, files: dict[str, bytes]) -> None:
    with pytest.raises(FolderFull):
        put(folder, **files)

    assert contents(folder) == {}


def test_a_folder_takes_its_quota(folder: TaskFolder) -> None:
    put(folder, **{"a/b": b"x" * 2 * PAGE, "a/c": b"x" * (PAGE + 1)})

    assert list(folder.files()) == ["a/b", "a/c"]


def test_a_sparse_file_counts_in_full(folder: TaskFolder, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(10 * 1024**3)

    with sparse.open("rb") as file, pytest.raises(FolderFull):
        folder.change().add("sparse", file.fileno())


def test_names_and_ids_are_no_paths(folders: TaskFolders, tmp_path: Path) -> None:
    for swarm, task in (("../../up", "/etc"), ("..", "."), ("a/b", "c\0d"), ("a", "b/../../c")):
        folder = folders.of(swarm, task)
        folder.create()
        put(folder, **{"../escaped": b"1"})

        assert contents(folder) == {"../escaped": b"1"}

    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    assert not list(tmp_path.rglob("*escaped*"))


def test_only_the_service_can_read_them(folder: TaskFolder, tmp_path: Path) -> None:
    put(folder, a=b"1")

    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*") if path.is_file())


def test_the_results_of_a_whole_turn_are_told_again(folder: TaskFolder, tmp_path: Path) -> None:
    """A model may make a hundred calls at once, and after a crash all of them are repeated."""
    for number in range(104):
        change = folder.change()
        change.remember(f"run {number}", f"said {number}")
        change.commit()

    assert folder.result("run 3") is None
    assert [folder.result(f"run {number}") for number in (4, 103)] == ["said 4", "said 103"]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 101


def test_forgetting_a_swarm_leaves_the_others(folders: TaskFolders, folder: TaskFolder) -> None:
    other = folders.of("other", "task")
    other.create()
    put(folder, a=b"1")
    put(other, a=b"2")

    folders.forget("swarm")
    folders.forget("swarm")

    assert contents(folder) == {}
    assert contents(other) == {"a": b"2"}
    with pytest.raises(FileNotFoundError):
        put(folder, a=b"too late")


def test_links_and_pipes_are_passed_over(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"the key")
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    (root / "below" / "real").write_bytes(b"1")
    (root / "link").symlink_to(secret / "key")
    (root / "folder").symlink_to(secret)
    os.mkfifo(root / "pipe")

    assert (root / "folder" / "key").read_bytes() == b"the key"
    assert taken(root) == ({"below/real": b"1"}, ["folder", "link", "pipe"])


def test_names_that_cannot_be_told_are_passed_over(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_bytes(b"1")
    (tmp_path / "ä b").write_bytes(b"2")

    assert taken(tmp_path) == ({"ä b": b"2"}, [r"'\udcff'"])


def test_a_walk_ends_at_too_many_names_and_too_deep_folders(tmp_path: Path) -> None:
    wide, deep = tmp_path / "wide", tmp_path / "deep"
    wide.mkdir()
    for number in range(11):
        (wide / str(number)).touch()
    (deep / "/".join("d" * 40)).mkdir(parents=True)

    with pytest.raises(TooManyFiles):
        taken(wide, max_entries=10)
    assert taken(deep) == ({}, ["/".join("d" * 17)])
