"""Row 6: a disk that is full: writes are refused, nothing acknowledged is lost, and the service goes on by itself.

A limit on the size of files stands in for the disk's end: no file takes a byte more.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.driving import ended, many, serving, start, until
from tests.support.figures import report
from tests.support.providers import Call

pytestmark = pytest.mark.anyio


@contextmanager
def full() -> Iterator[None]:
    """No byte more, wherever the log's next one goes: it may have room left from before it was last begun anew."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def behaviour(_: Call) -> None:
        await go_on.wait()

    with capture_logs() as logs:
        async with serving(tmp_path, behaviour) as (client, provider):
            at = await start(client, [*many(5), {"id": "join", "depends_on": ["t0", "t4"]}])
            await until(lambda: len(provider.running) == 5)
            assert (await client.get("/readyz")).status_code == 200

            with full():
                ready = await client.get("/readyz")
                assert (ready.status_code, ready.json()["code"]) == (503, "store_unavailable")
                refused = await client.post("/v1/swarms", json={"tasks": [{}]})
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                assert str(tmp_path) not in refused.text
                go_on.set()
                await until(lambda: any(log["event"] == "commit_refused" for log in logs))
                assert (await client.get(at)).json()["counts"]["running"] == 5
                assert (await client.get("/healthz")).status_code == 200

            found = await ended(client, at)

            assert (found["status"], found["counts"]["completed"]) == ("completed", 6)
            assert len(provider.calls) == 6
            assert (await client.get("/readyz")).status_code == 200
            assert len((await client.get("/v1/swarms")).json()["items"]) == 1

    report(
        6,
        "disk full: readiness red, posts refused with 503, 5 outcomes held back; with room again 6 of 6 tasks done "
        "by 6 calls, nothing acknowledged missing",
    )
