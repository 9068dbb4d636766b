"""Copies of contents: only what is asked for and whole, and what a former copy has is not lost with the original."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from app.blobs.backup import copy_contents, remove_others


def place(root: Path, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    path = root / digest[:2] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def names(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "from.blobs"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "to.blobs"


def test_only_what_is_referred_to_is_copied_and_progress_reaches_its_end(root: Path, target: Path) -> None:
    one, two = place(root, b"one"), place(root, b"two")
    place(root, b"of nobody")
    seen: list[tuple[int, int]] = []

    made = copy_contents(root, target, {one, two}, lambda done, total: seen.append((done, total)))

    assert (made.contents, made.size_bytes, made.missing, made.damaged) == (2, 6, (), ())
    assert names(target) == {one, two}
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_without_contents_there_is_no_directory(root: Path, target: Path) -> None:
    copy_contents(root, target, set())
    remove_others(target, set())

    assert not target.exists()


def test_a_lost_content_is_named_unless_a_former_copy_has_it(root: Path, target: Path) -> None:
    kept, lost = place(root, b"kept"), sha256(b"lost").hexdigest()
    copy_contents(root, target, {kept})
    (root / kept[:2] / kept).unlink()

    made = copy_contents(root, target, {kept, lost})

    assert (made.contents, made.size_bytes, made.missing) == (1, 4, (lost,))
    assert names(target) == {kept}


def test_a_damaged_content_is_named_and_takes_no_place(root: Path, target: Path) -> None:
    digest = place(root, b"whole")
    (root / digest[:2] / digest).write_bytes(b"whale")

    made = copy_contents(root, target, {digest})

    assert (made.contents, made.damaged) == (0, (digest,))
    assert names(target) == set()


def test_a_half_copy_is_made_anew(root: Path, target: Path) -> None:
    digest = place(root, b"whole")
    place(target, b"whole")
    (target / digest[:2] / digest).write_bytes(b"who")

    copy_contents(root, target, {digest})

    assert (target / digest[:2] / digest).read_bytes() == b"whole"


def test_what_is_not_referred_to_any_more_goes_and_what_is_not_ours_stays(root: Path, target: Path) -> None:
    old, new = place(root, b"old"), place(root, b"new")
    copy_contents(root, target, {old, new})
    (target / "notes.txt").write_text("mine")

    remove_others(target, {new})

    assert names(target) == {new, "notes.txt"}
    assert not (target / old[:2]).exists()
