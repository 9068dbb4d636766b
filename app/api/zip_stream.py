"""A zip archive that is sent while it is made: nothing of it is kept, memory stays flat."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_SEND_BYTES = 256 * 1024
_1980 = 315_532_800
"""The format knows no time before (APPNOTE.TXT 6.3.10, section 4.4.6)."""

_NOT_IN_NAMES = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever ends they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``chunks`` blocks; it is read once, in the order of the archive."""

    name: str
    chunks: Iterator[bytes]
    size_bytes: int
    at_ms: int


def zip_chunks(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Return the bytes of an archive; blocks, so iterate in a thread."""
    sink = _Sink()
    names: set[str] = set()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for entry in entries:
            info = ZipInfo(_unique(safe_name(entry.name), names), time.gmtime(max(entry.at_ms / 1000, _1980))[:6])
            info.compress_type = ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            info.file_size = entry.size_bytes  # decides about zip64 before the first byte
            with archive.open(info, "w") as file:
                for chunk in entry.chunks:
                    file.write(chunk)
                    if sink.held >= _SEND_BYTES:
                        yield sink.take()
    yield sink.take()


def safe_name(name: str) -> str:
    """Return a name that unpacks below the folder it is unpacked in, on every system."""
    parts = [_safe_part(part) for part in name.split("/")]
    return "/".join(part for part in parts if part) or "_"


def _safe_part(part: str) -> str:
    plain = _NOT_IN_NAMES.sub("_", part).strip().rstrip(".")
    return f"_{plain}" if _DEVICES.fullmatch(plain) else plain


def _unique(name: str, names: set[str]) -> str:
    """Return ``name``, numbered where another one differs from it in letter case at most."""
    stem, dot, end = name.rpartition(".")
    if "/" in end or not stem:
        stem, dot, end = name, "", ""
    found, number = name, 1
    while found.casefold() in names:
        number += 1
        found = f"{stem} ({number}){dot}{end}"
    names.add(found.casefold())
    return found


class _Sink(io.RawIOBase):
    """What the archive is written to, which cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.held = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        self.held += len(data)
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        self.held = 0
        return taken
