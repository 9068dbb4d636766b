"""Attacks of code on the machine it runs on: each works where code is simply run, and not in the sandbox.

An attack prints REACHED (in two parts, so that no traceback shows it) once it has what it wanted.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.tools.sandbox import seccomp
from tests.support.sandboxes import USERS, need_sandbox, run_as

MIB = 1024 * 1024
WIN = "print('REA' + 'CHED')"


@dataclass(frozen=True)
class Attack:
    """``limits`` and ``timeout_s`` are those of the sandbox; ``says`` is in what the model is told."""

    name: str
    code: str
    says: str = ""
    timeout_s: float = 10
    limits: dict[str, int] = field(default_factory=dict)


def system_call(name: str, *arguments: object) -> str:
    number = seccomp.ARCHITECTURES[platform.machine()].calls[name]
    call = ", ".join(map(str, (number, *arguments)))
    return f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall({call}) >= 0:
    {WIN}
else:
    print('errno', ctypes.get_errno())
"""


ATTACKS = [
    Attack(
        "a server of this machine",
        f"import socket\nsocket.create_connection(('127.0.0.1', PORT), 5)\n{WIN}",
        "Network is unreachable",
    ),
    Attack(
        "a datagram to anywhere",
        f"import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\n{WIN}",
        "Network is unreachable",
    ),
    Attack(
        "a local socket without a file",
        f"import socket\nsocket.socket(socket.AF_UNIX).connect('\\0ABSTRACT')\n{WIN}",
        "Connection refused",
    ),
    Attack("a file of the service", f"print(open('HOME/key').read())\n{WIN}", "No such file"),
    Attack("the home folder", f"import os\nassert 'key' in os.listdir(os.environ['HOME'])\n{WIN}", "AssertionError"),
    Attack("the machine's users", f"open('/etc/passwd').read()\n{WIN}", "No such file"),
    Attack("the machine's processes", f"open('/proc/DRIVER_PID/cmdline').read()\n{WIN}", "No such file"),
    Attack("the environment", f"import os\nassert 'SECRET' in os.environ\n{WIN}", "AssertionError"),
    Attack(
        "the environment of other processes",
        f"""
import glob
for path in ['/proc/1/environ', *glob.glob('/proc/[0-9]*/environ')]:
    try:
        if b'SECRET=' in open(path, 'rb').read():
            {WIN}
            break
    except OSError as exc:
        print(exc)
""",
        "No such file",
    ),
    Attack("a signal to the service", f"import os\nos.kill(DRIVER_PID, 0)\n{WIN}", "No such process"),
    Attack(
        "a fork bomb",
        f"""
import os, signal, time
children = []
try:
    while len(children) < 200:
        if not (child := os.fork()):
            time.sleep(20)
            os._exit(0)
        children.append(child)
    {WIN}
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
""",
        "BlockingIOError",
    ),
    Attack(
        "a bomb of threads",
        f"""
import threading
end = threading.Event()
threads = [threading.Thread(target=end.wait, daemon=True) for _ in range(200)]
try:
    for thread in threads:
        thread.start()
    {WIN}
finally:
    end.set()
""",
        "can't start new thread",
    ),
    Attack("memory of one process", f"x = bytearray(1024 ** 3)\n{WIN}", "MemoryError"),
    Attack(
        "memory of many processes",
        f"""
import os, signal, time
children = []
for _ in range(8):
    reading, writing = os.pipe()
    if not (child := os.fork()):
        mine = b'x' * (30 * {MIB})
        os.write(writing, b'!')
        time.sleep(20)
        os._exit(0)
    os.read(reading, 1)
    children.append(child)
time.sleep(0.5)
{WIN}
for child in children:
    os.kill(child, signal.SIGKILL)
""",
        "of memory together",
        limits={"memory_bytes": 120 * MIB},
    ),
    Attack(
        "spinning",
        f"import time\nwhile time.process_time() < 1:\n    pass\n{WIN}",
        "ran longer than 0.5 s",
        timeout_s=0.5,
    ),
    Attack(
        "spinning in all processes, to the end of each one's processor time",
        f"import os, time\nos.fork()\nwhile time.process_time() < 0.8:\n    pass\n{WIN}",
        "ran longer than 0.5 s",
        timeout_s=0.5,
    ),
    *(
        Attack(
            f"filling {folder}",
            f"""
import os
names = [os.path.join({folder!r}, f'filling-{{i}}') for i in range(8)]
try:
    for name in names:
        with open(name, 'wb') as file:
            file.write(b'x' * {MIB})
    {WIN}
finally:
    for name in names:
        if os.path.exists(name):
            os.unlink(name)
""",
            "No space left",
            limits={"work_bytes": 4 * MIB, "tmp_bytes": 4 * MIB},
        )
        for folder in (".", "/tmp", "/dev/shm")
    ),
    Attack(
        "a flood of empty files",
        f"import time\nfor i in range(3000):\n    open(f'empty-{{i}}', 'w').close()\ntime.sleep(0.5)\n{WIN}",
        "more than 1,000 files",
    ),
    Attack(
        "a sparse file of 10 GB",
        f"import os\nwith open('sparse', 'wb') as file:\n    file.truncate(10 * 1024 ** 3)\n{WIN}",
        "File too large",
    ),
    Attack(
        "a flood of output", f"for _ in range(50):\n    print('x' * {MIB})\n{WIN}", "printed more than 1,048,576 bytes"
    ),
    Attack(
        "a flood of errors", f"import os\nfor _ in range(50):\n    os.write(2, b'x' * {MIB})\n{WIN}", "printed more"
    ),
    Attack("tracing", system_call("ptrace", 0, 0, 0, 0), "errno 1"),
    Attack("a user namespace", system_call("unshare", "0x10000000"), "errno 1"),
    Attack("a file that no file system has", system_call("memfd_create", "b'x'", 0), "errno 1"),
    Attack("shared memory that no limit counts", system_call("shmget", 0, 4096, "0o1600"), "errno 1"),
    Attack("another personality", system_call("personality", "0xffffffff"), "errno 1"),
    Attack("a watch on files", system_call("inotify_init1", 0), "errno 1"),
]


@dataclass(frozen=True)
class Machine:
    """What the attacks are after."""

    home: Path
    port: int
    abstract: str

    def aim(self, attack: Attack) -> str:
        code = attack.code.replace("PORT", str(self.port)).replace("ABSTRACT", self.abstract)
        return code.replace("HOME/", f"{self.home}/")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("home")
    (home / "key").write_text("the key", encoding="utf-8")
    abstract = f"swarmd-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0{abstract}")
        local.listen(50)
        yield Machine(home, server.getsockname()[1], abstract)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_works_where_code_is_simply_run(attack: Attack, machine: Machine, tmp_path: Path) -> None:
    code = machine.aim(attack).replace("DRIVER_PID", str(os.getpid()))
    environment = {**os.environ, "HOME": str(machine.home), "SECRET": "the key"}

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, env=environment, timeout=60, check=False
    )

    assert b"REACHED" in done.stdout, done.stderr


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_it_does_not_in_the_sandbox(
    attack: Attack, user: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_sandbox()
    monkeypatch.setenv("SECRET", "the key")
    monkeypatch.setenv("HOME", str(machine.home))

    ran = run_as(user, machine.aim(attack), attack.timeout_s, **attack.limits)

    assert "REACHED" not in ran.content
    assert attack.says in ran.content
    assert len(ran.content) < 20_000
    assert ran.seconds < attack.timeout_s + 3
    assert (ran.uid == 0) == (user == "root")
