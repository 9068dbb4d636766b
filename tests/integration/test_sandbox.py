"""What code can rely on in the sandbox, and what stays of it afterwards: nothing but its regular files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.tools.sandbox.limits import Limits
from tests.support.sandboxes import USERS, driver, gone, need_sandbox, place, processes_of, run_as, wait_for

pytestmark = pytest.mark.parametrize("user", USERS)


@pytest.fixture(autouse=True)
def sandbox() -> None:
    need_sandbox()


def orphan(seconds: str) -> str:
    """Code whose grandchild leaves its session and becomes a program that nobody waits for."""
    return f"""
import os
reading, writing = os.pipe()
if not os.fork():
    os.setsid()
    if not os.fork():
        os.set_inheritable(writing, True)
        program = 'import os, sys, time; os.write(%d, b"!"); time.sleep(float(sys.argv[1]))' % writing
        os.execv('/usr/bin/env', ['env', 'python3', '-c', program, '{seconds}'])
    os._exit(0)
os.wait()
os.read(reading, 1)
print('left')
"""


def test_orphans_are_gone_when_the_run_is(user: str, tmp_path: Path) -> None:
    naive, mark = f"71.{os.getpid()}", f"72.{os.getpid()}"
    subprocess.run([sys.executable, "-c", orphan(naive)], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    left = processes_of(naive)
    for process in left:
        os.kill(process, signal.SIGKILL)

    ran = run_as(user, orphan(mark))

    assert len(left) == 1
    assert ran.content == "left"
    assert processes_of(mark) == []


@contextmanager
def service_that_runs(user: str, mark: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that stands for the service in the middle of a run, and one of the run, which has the mark."""
    code = orphan(mark) + "\nimport time\ntime.sleep(60)"
    with place(user) as folder:
        job = json.dumps({"code": code, "timeout_s": 60, "limits": {}, "root": str(folder / "root")})
        with subprocess.Popen(driver(user, folder), stdin=subprocess.PIPE, text=True) as service:
            assert service.stdin is not None
            service.stdin.write(job)
            service.stdin.close()
            try:
                yield service, wait_for(mark)
            finally:
                service.kill()


def test_nothing_is_left_when_the_service_is_killed(user: str) -> None:
    mark = f"73.{os.getpid()}"
    with service_that_runs(user, mark) as (service, process):
        handle = os.pidfd_open(process)
        service.kill()

        assert gone(handle)
    os.close(handle)
    assert processes_of(mark) == []


def test_it_has_no_rights_on_the_machine(user: str) -> None:
    with service_that_runs(user, f"74.{os.getpid()}") as (_, process):
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
        first_to_go = Path(f"/proc/{process}/oom_score_adj").read_text(encoding="ascii")
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    assert "0" not in status["Uid"].split()
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapInh"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert first_to_go == "1000\n"


def test_waiting_for_input_ends_at_once(user: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as naive:
        with pytest.raises(subprocess.TimeoutExpired):
            naive.wait(0.3)
        naive.kill()

    assert "EOFError" in run_as(user, "input()").content


def test_planted_links_and_pipes_reach_nothing(user: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the service", encoding="utf-8")
    code = f"""
import os
os.symlink({str(secret)!r}, 'report.txt')
os.symlink({str(tmp_path)!r}, 'folder')
os.mkfifo('pipe')
open('real.txt', 'w').write('mine')
os.makedirs('a/b')
os.link('real.txt', 'a/b/again.txt')
"""
    naive = tmp_path / "naive"
    naive.mkdir()
    subprocess.run([sys.executable, "-c", code], cwd=naive, check=True)

    ran = run_as(user, code)

    assert (naive / "report.txt").read_text(encoding="utf-8") == "of the service"
    assert ran.kept == {"real.txt": b"mine", "a/b/again.txt": b"mine"}
    assert ran.details["files"] == [{"name": "a/b/again.txt", "bytes": 4}, {"name": "real.txt", "bytes": 4}]
    assert "not kept, because only regular files that can be read are: folder, pipe, report.txt" in ran.content


def test_hard_links_count_in_full(user: str) -> None:
    code = """
import os
open('0', 'wb').write(b'x' * 1024 * 1024)
for i in range(1, 5):
    os.link('0', str(i))
"""

    ran = run_as(user, code, work_bytes=4 * 1024 * 1024)

    assert "not kept: the files of a task may have 4,194,304 bytes together" in ran.content
    assert ran.kept == {}


def test_nothing_can_be_written_outside_its_folders(user: str) -> None:
    code = """
import os
for folder in ('/', '/dev', '/etc', '/usr', '/usr/lib', '/usr/local/bin', '/bin/'):
    try:
        open(os.path.join(folder, 'planted'), 'w')
    except OSError as exc:
        print(exc.strerror)
    else:
        print('WRITTEN', folder)
"""

    assert set(run_as(user, code).content.splitlines()) <= {"Read-only file system", "Permission denied"}


def test_it_holds_no_handle_of_the_service(user: str) -> None:
    code = """
import os
held = []
for handle in range(1024):
    try:
        os.fstat(handle)
        held.append(handle)
    except OSError:
        pass
held
"""

    assert run_as(user, code).content == "[0, 1, 2]"


def test_it_cannot_lift_its_limits(user: str) -> None:
    code = """
import resource
for name in ('AS', 'CPU', 'FSIZE', 'NOFILE', 'NPROC', 'CORE'):
    limit = getattr(resource, 'RLIMIT_' + name)
    now = resource.getrlimit(limit)
    try:
        resource.setrlimit(limit, (now[0] + 1, now[1] + 1))
    except ValueError:
        print(name, now[0])
"""
    limits = Limits()

    assert run_as(user, code, timeout_s=7).content.splitlines() == [
        f"AS {limits.address_space_bytes}",
        "CPU 8",
        f"FSIZE {limits.work_bytes}",
        f"NOFILE {limits.open_files}",
        f"NPROC {limits.processes}",
        "CORE 0",
    ]


def test_what_python_needs_works(user: str) -> None:
    code = """
import csv, decimal, json, multiprocessing, re, sqlite3, statistics, subprocess, tempfile, threading
with multiprocessing.Pool(2) as pool:
    squares = pool.map(abs, [-1, 2])
listed = subprocess.run(['ls', '/dev'], capture_output=True, text=True).stdout.split()
with tempfile.TemporaryFile() as file:
    file.write(b'x')
database = sqlite3.connect('kept.db')
database.execute('create table numbers (n)')
database.commit()
thread = threading.Thread(target=print, args=('from a thread',))
thread.start()
thread.join()
squares, listed, statistics.mean([1, 2, 6]), json.loads('{"é": 1}')
"""

    ran = run_as(user, code)

    first, second, third = ran.content.splitlines()
    assert first == "from a thread"
    assert second == "([1, 2], ['full', 'null', 'random', 'shm', 'urandom', 'zero'], 3, {'é': 1})"
    assert third.startswith("[files written: kept.db (")
    assert not ran.is_error


def test_sandboxes_at_once_do_not_take_each_others_processes(user: str) -> None:
    """They share a user of the machine, for which the kernel counts processes; each has a name space of its own."""
    each = """
import os, signal, time
children = []
for _ in range(20):
    if not (child := os.fork()):
        time.sleep(20)
        os._exit(0)
    children.append(child)
time.sleep(1)
for child in children:
    os.kill(child, signal.SIGKILL)
len(children)
"""
    with ThreadPoolExecutor(4) as threads:
        ran = list(threads.map(lambda _: run_as(user, each), range(4)))

    assert [one.content for one in ran] == ["20"] * 4


def test_a_crash_of_the_interpreter_is_told(user: str) -> None:
    ran = run_as(user, "import ctypes\nctypes.string_at(0)")

    assert ran.content == "(nothing was printed)\n[ended by SIGSEGV]"
    assert ran.details["exit_status"] == 128 + signal.SIGSEGV
