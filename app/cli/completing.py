"""What the shell completes beside names of commands and flags: the ids of runs, asked from the service.

With the standard library alone and little patience, since a person waits for it with a finger on the key. Whatever goes
wrong is no completion, and never a word: it would land in the middle of the command line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

TIMEOUT_S = 0.2
_OFFERED = 30
_DEFAULT_PORT = "8000"


def complete_swarm(incomplete: str) -> list[tuple[str, str]]:
    """Ids of the newest runs that begin with what is typed, each with its status and name."""
    try:
        return list(_swarms(incomplete))
    except (OSError, HTTPException, ValueError, TypeError, LookupError):  # nobody there, or somebody else
        return []


def _swarms(incomplete: str) -> Iterator[tuple[str, str]]:
    url = urlsplit(os.environ.get("SWARMD_URL") or f"http://127.0.0.1:{os.environ.get('SWARMD_PORT') or _DEFAULT_PORT}")
    key = os.environ.get("SWARMD_API_KEY")
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "127.0.0.1", url.port, timeout=TIMEOUT_S)
    try:
        path = url.path.rstrip("/").removesuffix("/v1")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request("GET", f"{path}/v1/swarms?limit={_OFFERED}", headers=headers)
        page = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    for swarm in page.get("items", ()) if isinstance(page, dict) else ():
        if str(swarm["swarm_id"]).startswith(incomplete):
            yield swarm["swarm_id"], " ".join(f"{swarm['status']} {swarm['name'] or ''}".split())
