"""The command line of a sandbox, and which programs it needs."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.tools.sandbox import seccomp
from app.tools.sandbox.limits import Limits

SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for; the service's own PATH may name folders that others write to."""
INSTALL = "install it, for example with: apt-get install bubblewrap"

_NOBODY = "65534"
_ENVIRONMENT = {
    "HOME": "/box",
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TMPDIR": "/tmp",  # noqa: S108 the sandbox's own
    "TZ": "UTC",
}
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives")


class SandboxUnavailable(Exception):
    """This machine cannot give a sandbox; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Absolute paths; ``setpriv`` is None where the service is no root and has no user to give up."""

    bwrap: str
    python: str
    setpriv: str | None


def find_programs() -> Programs:
    """Find what a sandbox needs.

    Raises:
        SandboxUnavailable: something is missing, or the machine's processor has no filter here.
    """
    if seccomp.program(platform.machine()) is None:
        raise SandboxUnavailable(f"there is no filter of system calls for {platform.machine()} processors")
    bwrap = shutil.which("bwrap", path=SEARCHED)
    if bwrap is None:
        raise SandboxUnavailable(f"bubblewrap (bwrap) is missing; {INSTALL}")
    python = next((path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.access(path, os.X_OK)), None)
    if python is None:
        raise SandboxUnavailable("the system's python3 is missing: neither /usr/bin nor /usr/local/bin has it")
    setpriv = shutil.which("setpriv", path=SEARCHED)
    if setpriv is None and os.geteuid() == 0:
        raise SandboxUnavailable("setpriv (of util-linux) is missing, and the sandbox must not start as root")
    return Programs(bwrap, python, setpriv if os.geteuid() == 0 else None)


def command(programs: Programs, limits: Limits, filter_fd: int, info_fd: int) -> list[str]:
    """Return the command line; ``filter_fd`` gives the filter's bytes, ``info_fd`` takes the first process's number."""
    return [
        *_dropping_root(programs.setpriv),
        *(programs.bwrap, "--unshare-all", "--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY, "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *("--seccomp", str(filter_fd), "--info-fd", str(info_fd)),
        *_file_system(limits),
        *(word for name, value in _ENVIRONMENT.items() for word in ("--setenv", name, value)),
        *("--chdir", "/box", "--"),
        *(programs.python, "-I", "-B", "-u", "-X", "utf8", "-c", _runner()),
    ]


def _dropping_root(setpriv: str | None) -> Iterator[str]:
    """Root is exempt from the bound on processes, also inside a user namespace of its own."""
    if setpriv is not None:
        yield from (setpriv, "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups", "--inh-caps=-all", "--")


def _file_system(limits: Limits) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in _LIBRARIES:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    for path in _SETTINGS:
        yield from ("--ro-bind-try", path, path)
    # Not bwrap's --dev: that is a file system in memory without a bound, and has terminals.
    yield from ("--size", "65536", "--tmpfs", "/dev")
    for name in _DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    yield from ("--symlink", "/tmp", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108 the sandbox's own
    yield from ("--size", str(limits.tmp_bytes), "--tmpfs", "/tmp")  # noqa: S108 the sandbox's own
    yield from ("--size", str(limits.work_bytes), "--tmpfs", "/box")
    # The root itself is in memory too, and would take files without a bound.
    yield from ("--remount-ro", "/")


def _runner() -> str:
    return Path(__file__).with_name("runner.py").read_text(encoding="utf-8")
