"""Word and Excel files are zips: what they would become is looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from io import BytesIO

from app.ports.workspace import UnreadableDocument

MAX_MEMBERS = 5_000
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
_ENCRYPTED = 0x1


def check_zip(content: bytes) -> None:
    """Check the directory of a zip. Its sizes can be trusted so far: ``zipfile`` unpacks no more than they say.

    Raises:
        UnreadableDocument: no zip, encrypted, too many members, or too large when unpacked.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as opened:
            members = opened.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as exc:
        raise UnreadableDocument("it is broken: its zip directory cannot be read") from exc
    if len(members) > MAX_MEMBERS:
        raise UnreadableDocument(f"it has {len(members):,} parts; more than {MAX_MEMBERS:,} are not unpacked")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UnreadableDocument("it is protected by a password")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise UnreadableDocument(
            f"it would unpack to {unpacked:,} bytes; more than {MAX_UNPACKED_BYTES:,} are taken for an attack"
        )
