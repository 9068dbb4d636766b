"""The service on several processes: a PostgreSQL and a NATS server of the benchmark's own, one service, workers.

PostgreSQL runs with its defaults, ``fsync`` on.
"""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from scripts.benchmarks.model_server import MODEL, ModelServer
from scripts.benchmarks.processes import Child, Children, ProcessFailure, free_port, listening
from scripts.benchmarks.service import Service, data_directory, serving

_START_S = 60.0
_USER = "swarmd"


@asynccontextmanager
async def cluster(
    children: Children, data_root: Path | None, model: ModelServer, *, workers: int, slots: int
) -> AsyncIterator[tuple[Service, Sequence[Child]]]:
    """Run one service that does no job itself, and ``workers`` of ``slots`` jobs each."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_postgres(children))
        broker = await stack.enter_async_context(_nats(children, stack.enter_context(data_directory(data_root))))
        shared = {"SWARMD_DATABASE_URL": database, "SWARMD_NATS_URL": broker}
        data_dir = stack.enter_context(data_directory(data_root))
        service = await stack.enter_async_context(
            serving(children, data_dir, free_port(), model.base_url, {**shared, "SWARMD_LOCAL_AGENTS": "0"})
        )
        environment = {
            **shared,
            "SWARMD_PROVIDER_BASE_URL": model.base_url,
            "SWARMD_DEFAULT_MODEL": MODEL,
            "SWARMD_LOG_LEVEL": "warning",
            "SWARMD_DATA_DIR": str(data_dir),
        }
        started = []
        for number in range(workers):
            port = free_port()
            command = [
                sys.executable,
                "-m",
                "app.cli",
                "worker",
                "--concurrency",
                str(slots),
                "--health-port",
                str(port),
            ]
            worker = await stack.enter_async_context(children.started(f"worker{number}", command, environment))
            await listening(worker, port, _START_S)
            started.append(worker)
        yield service, started


@asynccontextmanager
async def _nats(children: Children, folder: Path) -> AsyncIterator[str]:
    if shutil.which("nats-server") is None:
        raise ProcessFailure("nats-server is not installed: apt-get install nats-server")
    port = free_port()
    command = ["nats-server", "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port)]
    async with children.started("nats", command) as server:
        await listening(server, port, _START_S)
        yield f"nats://127.0.0.1:{port}"


@asynccontextmanager
async def _postgres(children: Children) -> AsyncIterator[str]:
    programs = [Path(name).parent for name in sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    if not programs:
        raise ProcessFailure("PostgreSQL is not installed: apt-get install postgresql")
    folder = tempfile.mkdtemp(prefix="swarmd-bench-postgres-")
    try:
        as_owner: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        data = str(Path(folder, "data"))
        initialise = [
            str(programs[0] / "initdb"),
            "-D",
            data,
            "-U",
            _USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        async with children.started("initdb", [*as_owner, *initialise]) as made:
            if await made.process.wait():
                raise made.failure("made no database")
        port = free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", f"unix_socket_directories={folder}"]
        command = [*as_owner, str(programs[0] / "postgres"), "-D", data, *options]
        async with children.started("postgres", command) as server:
            await listening(server, port, _START_S)
            address = ["-h", "127.0.0.1", "-p", str(port), "-U", _USER]
            for _ in range(100):  # it takes connections a little before it answers
                async with children.started("createdb", [str(programs[0] / "createdb"), *address, "swarmd"]) as created:
                    if await created.process.wait() == 0:
                        break
                await asyncio.sleep(0.1)
            yield f"postgresql://{_USER}@127.0.0.1:{port}/swarmd"
            await server.stop()
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
