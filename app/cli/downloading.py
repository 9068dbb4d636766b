"""Downloads: an answer of any size to a file, which is there only when it is whole, or to stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import httpx2

from app.cli.client import BUSY, ServiceClient, reason
from app.cli.failures import EXIT_USAGE, Failure, Refused


def download(client: ServiceClient, path: str, out: Path | None, **query: object) -> int:
    """Write what is at ``path`` to the file, or to stdout, and return how many bytes that are.

    The file is written beside itself and renamed at the end, so that what breaks off leaves nothing, and what was there
    stays. It is then tried again from the beginning; on stdout that cannot be once something has been written.

    Raises:
        Failure: the service refuses, or does not answer for long, or the file cannot be written.
    """
    if out is None:
        return _to_stdout(client, path, query)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        size = _to_part(client, path, part, query)
        part.replace(out)
    except OSError as exc:
        raise Failure(f"{out}: {exc.strerror}", EXIT_USAGE) from exc
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return size


def _to_part(client: ServiceClient, path: str, part: Path, query: dict[str, object]) -> int:
    patience = client.patience()
    while True:
        try:
            with client.stream(path, query) as response, part.open("wb") as file:
                return sum(file.write(chunk) for chunk in response.iter_bytes())
        except httpx2.TransportError as exc:
            if not patience.rest():
                raise client.silence(exc) from exc
        except Refused as exc:
            if exc.status not in BUSY or not patience.rest():
                raise


def _to_stdout(client: ServiceClient, path: str, query: dict[str, object]) -> int:
    written = 0
    try:
        with client.stream(path, query) as response:
            for chunk in response.iter_bytes():
                written += sys.stdout.buffer.write(chunk)
    except httpx2.TransportError as exc:
        raise Failure(f"broken off after {written:,} bytes ({reason(exc)}); what was written is not whole") from exc
    sys.stdout.buffer.flush()
    return written
