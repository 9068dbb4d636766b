"""Archives that are made while they are sent: valid, bounded in memory, and harmless to unpack."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.zip_stream import Entry, safe_name, zip_chunks

MIB = 1024 * 1024


def entry(name: str, *chunks: bytes) -> Entry:
    return Entry(name=name, chunks=iter(chunks), size_bytes=sum(map(len, chunks)), at_ms=1_800_000_000_000)


def test_an_archive_holds_its_entries_in_order() -> None:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks([entry("b", b"1", b"2"), entry("ü/a", b"")]))))

    assert archive.testzip() is None
    assert [(info.filename, info.date_time[0]) for info in archive.infolist()] == [("b", 2027), ("ü/a", 2027)]
    assert archive.read("b") == b"12"


def test_memory_stays_flat() -> None:
    noise = os.urandom(MIB)

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield noise

    tracemalloc.start()
    size = sum(len(part) for part in zip_chunks([Entry(name="x", chunks=chunks(), size_bytes=20 * MIB, at_ms=0)]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > 20 * MIB
    assert peak < 6 * MIB


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b.txt", "a/b.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("a\\..\\b", "a_.._b"),
        ("../../x", "x"),
        ("C:x", "C_x"),
        ("con.txt", "_con.txt"),
        ("x. /y ", "x/y"),
        ("..", "_"),
        ("a\x00b", "a_b"),
    ],
)
def test_names_unpack_below_their_folder_on_every_system(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_an_archive_unpacked_without_a_look_at_its_names_stays_in_its_folder(tmp_path: Path) -> None:
    """The attack (a "zip slip") works on an archive whose names are taken as they come."""

    def unpack(archive: bytes, folder: Path) -> None:
        folder.mkdir()
        with zipfile.ZipFile(io.BytesIO(archive)) as found:
            for name in found.namelist():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(found.read(name))

    naive = io.BytesIO()
    with zipfile.ZipFile(naive, "w") as made:
        made.writestr("../slipped", b"x")
    unpack(naive.getvalue(), tmp_path / "naive")
    assert (tmp_path / "slipped").read_bytes() == b"x"

    unpack(b"".join(zip_chunks([entry("../ours", b"x")])), tmp_path / "safe")

    assert not (tmp_path / "ours").exists()
    assert (tmp_path / "safe" / "ours").read_bytes() == b"x"


def test_names_that_become_the_same_are_numbered() -> None:
    entries = [entry(name, b"x") for name in ("a.txt", "A.txt", "a:.txt", "a_.txt", "b", "B", "x.y/z", "X.Y/Z")]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(entries))))

    assert archive.namelist() == [
        "a.txt",
        "A (2).txt",
        "a_.txt",
        "a_ (2).txt",
        "b",
        "B (2)",
        "x.y/z",
        "X.Y/Z (2)",
    ]
