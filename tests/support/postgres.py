"""A PostgreSQL server of the tests' own: started once a run from the installed programs, gone with it.

Databases are copies of a migrated template, tens of milliseconds each. ``fsync`` is off where no test pulls the plug.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncpg
import pytest

from app.storage.server import open_server
from tests.support.certificates import self_signed

_HOW_TO_GET_IT = "needs PostgreSQL: apt-get install postgresql"
_USER = "swarmd"
PASSWORD = "s3cret-p4ssw0rd"
_TEMPLATE = "template_swarmd"
_START_S = 30.0

_LAUNCHER = ThreadPoolExecutor(1, "postgres")
"""The thread that starts servers: to the kernel it is their parent, and others that want one end before the run."""

_CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
_EMPTY = """
    DO $$ DECLARE name TEXT; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$
"""


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs; Debian keeps them out of the search path."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = [str(place / name) for place in places if (place / name).exists()]
    return found[0] if found else shutil.which(name)


class PostgresServer:
    """A server on a free port of 127.0.0.1; with a password, over TCP, as a service reaches one."""

    def __init__(self, *, fsync: bool = False, max_connections: int = 200) -> None:
        if program("initdb") is None:
            pytest.skip(_HOW_TO_GET_IT)
        self._options = {
            "max_connections": str(max_connections),
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
        }
        self._numbers = count(1)
        self._free: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="swarmd-postgres-"))
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None  # it refuses to run as root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._initialise()

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.remove()

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def certify(self, names: str) -> None:
        """Give it, before its start, a certificate of its own, see ``self_signed``."""
        self.certificate, key = self_signed(self._folder, names, subject="postgres")
        if self._owner is not None:
            os.chown(key, self._owner.pw_uid, self._owner.pw_gid)
        self._options |= {"ssl": "on", "ssl_cert_file": str(self.certificate), "ssl_key_file": str(key)}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return once it takes connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
        } | self._options
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = self._popen(["postgres", "-D", str(self._data), *flags], log)
        give_up_at = time.monotonic() + _START_S
        while not self.takes_connections():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < give_up_at, "PostgreSQL did not start"
            time.sleep(0.05)

    def takes_connections(self) -> bool:
        ready = [str(program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        return subprocess.run(ready, check=False).returncode == 0

    def stop(self) -> None:
        """End it as an administrator does who does not wait: clients are cut off, what is committed is kept."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL of the postmaster; its children notice and end."""
        self._signal(signal.SIGKILL)
        # Until they have, a new one refuses to start.
        shared = self._data / "postmaster.pid"
        shared.unlink(missing_ok=True)

    def freeze(self) -> None:
        """SIGSTOP to all its processes: connections stay open, nothing answers."""
        for pid in self._tree():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._tree():
            os.kill(pid, signal.SIGCONT)

    def create_database(self, *, empty: bool = False) -> str:
        """Make a database, migrated unless it is to be ``empty``, and return its URL."""
        name = f"db{next(self._numbers)}"
        template = "template0" if empty else self._template
        _run(self._administer(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.url(name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database, empty but migrated; it is emptied afterwards, which is quicker than making one."""
        url = self._free.pop() if self._free else self.create_database()
        yield url
        _run(self._administer(_CUT_OFF.format(url.rpartition("/")[2])))
        _run(self._administer(_EMPTY, url))
        self._free.append(url)

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGINT)
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- how -------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _template(self) -> str:
        _run(self._administer(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0"))

        async def migrate() -> None:
            async with open_server(self.url(_TEMPLATE)):
                pass

        _run(migrate())
        return _TEMPLATE

    async def _administer(self, sql: str, url: str | None = None) -> None:
        connection = await asyncpg.connect(url or self.url("postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._owner is not None:
            for path in (self._folder, password):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        flags = ["--username", _USER, "--pwfile", str(password), "--auth", "password", "--no-sync", "-E", "UTF8"]
        with (self._folder / "log").open("ab") as log:
            # A locale that sorts unlike bytes where there is one: pages must not depend on it.
            made = self._popen(["initdb", "-D", str(self._data), "--locale", "C.UTF-8", *flags], log)
            assert made.wait(60) == 0, (self._folder / "log").read_text()

    def _popen(self, command: list[str], log: object) -> subprocess.Popen[bytes]:
        return _LAUNCHER.submit(self._launch, command, log).result()

    def _launch(self, command: list[str], log: object) -> subprocess.Popen[bytes]:
        owner = self._owner
        started: subprocess.Popen[bytes] = subprocess.Popen(
            [str(program(command[0])), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,  # type: ignore[call-overload]
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - one system call, no lock
            **({} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}),
        )
        return started

    def _signal(self, number: int) -> None:
        assert self._process is not None
        children = self._tree()[1:]
        self._process.send_signal(number)
        self._process.wait(30)
        self._process = None
        for pid in children:
            _wait_for_end(pid)

    def _tree(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end whether or not this thread has a loop that runs: the callers are fixtures of either kind."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def _wait_for_end(pid: int) -> None:
    give_up_at = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < give_up_at, f"process {pid} of PostgreSQL does not end"
        time.sleep(0.01)


@functools.cache
def server() -> PostgresServer:
    """The server of this run, without fsync; ``shut_down`` ends it."""
    started = PostgresServer()
    started.start()
    return started


def shut_down() -> None:
    """End the server of this run where there is one: processes that tests are shared out to end without ``atexit``."""
    if server.cache_info().currsize:
        server().remove()


def _end_with_parent() -> None:
    """Runs in the child: a test run that is killed leaves no server behind (prctl, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)
