"""Files that tasks of swarms left in a directory of the service, outside the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SwarmFiles(Protocol):
    """Both methods block (they read and change a disk): call them in a thread."""

    def swarms(self) -> Sequence[str]:
        """Return the ids of the swarms of which there are files."""
        ...

    def forget(self, swarm_id: str) -> None:
        """Delete the files of a swarm; nothing where there are none.

        Raises:
            OSError: the disk does not let go of something; the rest can be deleted later.
        """
        ...
