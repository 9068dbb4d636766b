"""Media types of files: as given, or by the end of the name; never by the content, which anybody could have chosen."""

from __future__ import annotations

import mimetypes
import re

from app.domain.errors import InvalidRequest

UNKNOWN = "application/octet-stream"

_FORM = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(; ?charset=[\w-]{1,40})?", re.ASCII)
_OURS = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".toml": "application/toml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_TYPES = mimetypes.MimeTypes()  # the library's own table: not what this machine happens to have configured
for _end, _kind in _OURS.items():
    _TYPES.add_type(_kind, _end)


def media_type_of(name: str, given: str | None, pointer: str = "/media_type") -> str:
    """Return the media type of a file.

    Raises:
        InvalidRequest: ``given`` is not of the form ``type/subtype``.
    """
    if given is None:
        guessed, encoding = _TYPES.guess_type("file://x/" + name.replace("?", "_").replace("#", "_"))
        return guessed if guessed is not None and encoding is None else UNKNOWN
    if not _FORM.fullmatch(given):
        raise InvalidRequest.field(pointer, "expected a media type as in text/csv")
    return given.lower()
