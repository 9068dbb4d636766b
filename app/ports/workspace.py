"""The files that requests may name, and what makes text of them.

All methods block (they read a disk or work through megabytes): call them in a thread.
"""

from __future__ import annotations

from typing import Any, Protocol


class WorkspaceRefusal(Exception):
    """A path or pattern cannot be served; the message says why and names nothing but what the request named."""


class UnreadableDocument(Exception):
    """A file holds no text that can be taken from it; the message says why."""


class Workspace(Protocol):
    """A directory tree, and nothing outside it whatever a path, a pattern or a link in it says."""

    def find(self, pattern: str, max_files: int) -> list[str]:
        """Return the paths, relative to the root, of the regular files that ``pattern`` matches, in order of parts.

        ``*``, ``?`` and ``[…]`` match within a name, ``**`` any number of directories. Names that begin with a dot are
        matched only by a part that does, too. Symbolic links and names that are no UTF-8 are passed over.

        Raises:
            WorkspaceRefusal: no workspace, a pattern that leads outside, or more than ``max_files`` matches.
        """
        ...

    def read(self, path: str, max_bytes: int) -> bytes:
        """Return the content of one regular file.

        Raises:
            WorkspaceRefusal: no workspace, a path that leads outside or through a symbolic link, no such file, not a
                regular file, not readable, or more than ``max_bytes`` long.
        """
        ...


class NotATable(Exception):
    """A text has no rows; the message says what was expected, and in which line it ends."""


class TableRows(Protocol):
    def __call__(self, name: str, text: str) -> list[Any]:
        """Return the rows of a table, JSON values, one at least.

        A JSON object with one list in it stands for that list, and any other for one row.

        Args:
            name: of the file; its end says what it is, where the text itself does not.

        Raises:
            NotATable: it is neither JSON nor a table, or a line has more cells than the first.
        """
        ...


class DocumentText(Protocol):
    def __call__(self, name: str, content: bytes) -> str:
        """Return the text of a document; the end of ``name`` and the content itself say of what kind it is.

        Raises:
            UnreadableDocument: binary, or of a kind that is not supported.
        """
        ...
