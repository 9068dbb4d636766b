"""The directory below which each swarm has one, for the files that its tasks keep between runs of code.

Everything blocks: call it in a thread.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class SwarmFolders:
    """``ports.swarm_files.SwarmFiles``.

    Args:
        root: made when it is first written to, readable by the service's user only.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self) -> None:
        """Make the directory.

        Raises:
            OSError: it cannot be made or written to.
        """
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise PermissionError(f"{self._root} cannot be written to")

    def path_of(self, swarm_id: str) -> Path:
        """Return a swarm's directory; its name can be told back, and is no path whatever the id holds."""
        return self._root / swarm_id.encode().hex()

    def swarms(self) -> Sequence[str]:
        """See ``SwarmFiles``."""
        with suppress(FileNotFoundError):
            return [swarm_id for path in self._root.iterdir() if (swarm_id := _swarm_of(path.name)) is not None]
        return []

    def forget(self, swarm_id: str) -> None:
        """See ``SwarmFiles``; a call that still runs then keeps nothing."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path_of(swarm_id))


def _swarm_of(name: str) -> str | None:
    try:
        return bytes.fromhex(name).decode()
    except ValueError:
        return None
