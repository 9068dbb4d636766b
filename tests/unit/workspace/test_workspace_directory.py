"""Nothing outside the workspace is read. Each attack is first shown to work on joining the path to the root."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.ports.workspace import WorkspaceRefusal
from app.workspace.directory import DirectoryWorkspace

LIMIT = 1_000_000
SECRET = b"outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "docs" / "deep").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "docs" / "b.md").write_bytes(b"b")
    (root / "docs" / "deep" / "c.txt").write_bytes(b"c")
    return root


def naive(root: Path, path: str) -> bytes:
    """What this adapter must not be: the root joined with the path, and opened."""
    with open(os.path.join(root, path), "rb") as file:
        return file.read()


def read(root: Path, path: str) -> bytes:
    return DirectoryWorkspace(root).read(path, LIMIT)


def refusal(root: Path | None, path: str, limit: int = LIMIT) -> str:
    with pytest.raises(WorkspaceRefusal) as caught:
        DirectoryWorkspace(root).read(path, limit)
    message = str(caught.value)
    assert root is None or str(root) not in message, "a path of the machine left the service"
    return message


def test_a_file_is_read_by_every_spelling_of_its_path(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link to root").symlink_to(root)

    for path in ("docs/deep/c.txt", "./docs//deep/./c.txt"):
        assert read(root, path) == read(tmp_path / "link to root", path) == b"c"


def test_a_path_upwards_is_refused(root: Path) -> None:
    assert naive(root, "../outside/secret.txt") == SECRET

    for path in ("../outside/secret.txt", "docs/../../outside/secret.txt", "docs/..", ".."):
        assert "'..' is not taken" in refusal(root, path)


def test_an_absolute_path_is_refused(root: Path) -> None:
    secret = str(root.parent / "outside" / "secret.txt")
    assert naive(root, secret) == SECRET

    assert "not an absolute one" in refusal(root, secret)
    assert "not an absolute one" in refusal(root, "//" + secret)


def test_a_link_to_a_file_is_refused(root: Path) -> None:
    (root / "docs" / "link.txt").symlink_to(root.parent / "outside" / "secret.txt")
    assert naive(root, "docs/link.txt") == SECRET

    assert "is a symbolic link" in refusal(root, "docs/link.txt")


def test_a_link_to_a_directory_is_refused(root: Path) -> None:
    (root / "docs" / "link").symlink_to(root.parent / "outside")
    assert naive(root, "docs/link/secret.txt") == SECRET

    assert "which is not followed" in refusal(root, "docs/link/secret.txt")


def swapping(monkeypatch: pytest.MonkeyPatch, call: str, swap: Callable[[], None]) -> None:
    """Run ``swap`` once, right after the first call of ``os.<call>`` that takes a directory's handle."""
    real = getattr(os, call)
    pending = [swap]

    def called(*args: object, **kwargs: object) -> object:
        result = real(*args, **kwargs)
        if pending and kwargs.get("dir_fd") is not None:
            pending.pop()()
        return result

    monkeypatch.setattr(os, call, called)


def test_a_file_swapped_for_a_link_after_the_check_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, secret = root / "a.txt", root.parent / "outside" / "secret.txt"

    def swap() -> None:
        target.unlink()
        target.symlink_to(secret)

    def checked_then_opened() -> bytes:
        assert not target.is_symlink()
        swap()
        return naive(root, "a.txt")

    assert checked_then_opened() == SECRET
    target.unlink()
    target.write_bytes(b"a")

    swapping(monkeypatch, "stat", swap)
    assert "which is not followed" in refusal(root, "a.txt")


def test_a_directory_swapped_for_a_link_on_the_way_leads_nowhere_else(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root.parent / "outside" / "b.md").write_bytes(SECRET)

    def swap() -> None:
        (root / "docs").rename(root / "moved")
        (root / "docs").symlink_to(root.parent / "outside")

    swapping(monkeypatch, "open", swap)

    assert read(root, "docs/b.md") == b"b", "the directory that was opened is the one that is read"
    assert naive(root, "docs/b.md") == SECRET


def test_a_pipe_blocks_nobody(root: Path) -> None:
    os.mkfifo(root / "pipe")
    reader = threading.Thread(target=naive, args=(root, "pipe"), daemon=True)
    reader.start()
    reader.join(0.1)
    assert reader.is_alive(), "opening a pipe waits for a writer"
    os.close(os.open(root / "pipe", os.O_WRONLY))
    reader.join()

    assert "is not a regular file" in refusal(root, "pipe")
    assert DirectoryWorkspace(root).find("p*", 10) == []


def test_a_file_swapped_for_a_pipe_after_the_check_blocks_nobody(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swap() -> None:
        (root / "a.txt").unlink()
        os.mkfifo(root / "a.txt")

    swapping(monkeypatch, "stat", swap)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(refusal(root, "a.txt")), daemon=True)
    reader.start()
    reader.join(10)

    assert said == ["'a.txt' is not a regular file"]


def test_directories_and_devices_are_refused(root: Path) -> None:
    assert "is not a regular file" in refusal(root, "docs")
    if os.path.exists("/dev/zero"):
        assert "is not a regular file" in refusal(Path("/dev"), "zero")


def test_a_huge_sparse_file_is_refused_by_its_size_before_it_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    monkeypatch.delattr(os, "read")

    assert "is longer than the 1,000,000 bytes" in refusal(root, "huge")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs a file that says its size is 0")
def test_a_file_that_hides_its_size_is_read_up_to_the_limit_only() -> None:
    assert "is longer than the 10 bytes" in refusal(Path("/proc/self"), "status", 10)


def test_what_is_at_the_limit_is_read_whole(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 3_000_000)

    assert len(DirectoryWorkspace(root).read("big", 3_000_000)) == 3_000_000
    assert "is longer than the 2,999,999 bytes" in refusal(root, "big", 2_999_999)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("missing.txt", "there is no file 'missing.txt'"),
        ("a.txt/b", "a part of 'a.txt/b' is no directory"),
        ("", "expected a path"),
        (".", "not of the workspace itself"),
        ("a\0b", "no NUL"),
        ("a\ud800b", "surrogate"),
        ("x" * 300, "cannot be read"),
        ("d/" * 65 + "f", "more than 64 directories deep"),
    ],
)
def test_other_paths_that_cannot_be_read_say_why(root: Path, path: str, said: str) -> None:
    assert said in refusal(root, path)


def test_a_service_without_a_workspace_says_which_setting_to_set() -> None:
    assert "SWARMD_WORKSPACE" in refusal(None, "a.txt")
    with pytest.raises(WorkspaceRefusal, match="SWARMD_WORKSPACE"):
        DirectoryWorkspace(None).find("*", 10)


def test_a_root_that_is_gone_is_named_by_its_setting_only(tmp_path: Path) -> None:
    assert "SWARMD_WORKSPACE" in refusal(tmp_path / "gone", "a.txt")


@pytest.fixture
def tree(root: Path) -> Path:
    for name in (".env", "docs/.git/config", "docs/z.md", "B.md", "docs/deep/er/d.md", "docs/[x].md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "link.md").symlink_to(root.parent / "outside" / "secret.txt")
    (root / "linked").symlink_to(root.parent / "outside")
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["B.md"]),
        ("**/*.md", ["B.md", "docs/[x].md", "docs/b.md", "docs/deep/er/d.md", "docs/z.md"]),
        ("docs/*", ["docs/[x].md", "docs/b.md", "docs/z.md"]),
        ("docs/**", ["docs/[x].md", "docs/b.md", "docs/deep/c.txt", "docs/deep/er/d.md", "docs/z.md"]),
        ("**/deep/**/*.md", ["docs/deep/er/d.md"]),
        ("**/**/**/d.md", ["docs/deep/er/d.md"]),
        ("docs/[bz].md", ["docs/b.md", "docs/z.md"]),
        ("docs/?.md", ["docs/b.md", "docs/z.md"]),
        ("docs/[[]x].md", ["docs/[x].md"]),
        (".e*", [".env"]),
        ("docs/.git/*", ["docs/.git/config"]),
        ("**/config", []),
        ("linked/*", []),
        ("**/secret.txt", []),
        ("./a.txt", ["a.txt"]),
        ("nothing/*", []),
    ],
)
def test_patterns_match_regular_files_in_order(tree: Path, pattern: str, expected: list[str]) -> None:
    assert DirectoryWorkspace(tree).find(pattern, 100) == expected


@pytest.mark.parametrize("pattern", ["../*", "docs/../../*", "/etc/*", ""])
def test_patterns_that_lead_outside_are_refused(tree: Path, pattern: str) -> None:
    with pytest.raises(WorkspaceRefusal):
        DirectoryWorkspace(tree).find(pattern, 100)


def test_too_many_matches_are_refused(tree: Path) -> None:
    assert len(DirectoryWorkspace(tree).find("docs/*", 3)) == 3
    with pytest.raises(WorkspaceRefusal, match="more than 2 files"):
        DirectoryWorkspace(tree).find("docs/*", 2)


def test_a_search_looks_at_so_many_names_and_no_more(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.workspace.directory.MAX_ENTRIES", 5)

    with pytest.raises(WorkspaceRefusal, match="more than 5 names"):
        DirectoryWorkspace(tree).find("**/*.md", 100)


def test_a_directory_swapped_for_a_link_during_the_search_is_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = DirectoryWorkspace(root)
    real = os.scandir
    swapped: list[bool] = []

    def scandir(folder: int) -> object:
        entries = real(folder)
        if not swapped:
            swapped.append(True)
            listed = list(entries)
            (root / "docs").rename(root / "moved")
            (root / "docs").symlink_to(root.parent / "outside")
            return _Entries(listed)
        return entries

    monkeypatch.setattr(os, "scandir", scandir)

    assert workspace.find("**/*.txt", 100) == ["a.txt"]


class _Entries(list[os.DirEntry[str]]):
    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def test_patterns_full_of_stars_cost_no_more_than_the_names(root: Path) -> None:
    (root / ("a" * 200)).write_bytes(b"")
    started = time.process_time()

    assert DirectoryWorkspace(root).find("*a" * 100 + "b", 10) == []
    assert DirectoryWorkspace(root).find("**/" * 60 + "*b", 10) == []

    assert time.process_time() - started < 5


def test_no_handle_is_left_open(tree: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs a list of the process's handles")
    workspace = DirectoryWorkspace(tree)
    before = len(os.listdir("/proc/self/fd"))

    workspace.find("**/*.md", 100)
    workspace.read("docs/deep/c.txt", LIMIT)
    for path in ("docs/deep/missing", "docs/link/x", "linked/secret.txt", "docs", "link.md"):
        refusal(tree, path)

    assert len(os.listdir("/proc/self/fd")) <= before
