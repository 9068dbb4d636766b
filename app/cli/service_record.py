"""``service.json`` in a data directory: where the service that uses the directory listens.

A hint and not a lock: the service itself holds the lock. It is written once requests are answered and removed at the
end; after a crash it is stale, so a reader must ask whether somebody answers there.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

_NAME = "service.json"


def write(data_dir: Path, url: str) -> None:
    """Record the service of this process; a directory that cannot take the file only loses the hint."""
    with contextlib.suppress(OSError):
        scratch = data_dir / f".{_NAME}.{os.getpid()}"
        scratch.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
        scratch.replace(data_dir / _NAME)


def read(data_dir: Path) -> str | None:
    """The URL recorded last, or None."""
    try:
        record = json.loads((data_dir / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    url = record.get("url") if isinstance(record, dict) else None
    return url if isinstance(url, str) else None


def remove(data_dir: Path) -> None:
    """Withdraw this process's record; another process's stays."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        path = data_dir / _NAME
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
