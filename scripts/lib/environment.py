"""Makes the virtual environment ``.venv`` of a checkout from the lock files: ``environment.py [--check] runtime|dev``.

Standard library only, since it runs before anything is installed. ``environment.sh`` calls it.

A finished installation leaves a stamp in ``.venv`` with everything it was made from: the checkout's path (a virtual
environment cannot be moved), the Python version, ``pyproject.toml`` and the lock files. While the stamp says what it
should, nothing is done. An installation under way leaves a mark that only its success removes: a package that pip was
copying when it was killed looks installed, so an environment with that mark is thrown away and made anew. A lock held
by the kernel lets one process at a time do this; the others wait and then find the work done.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
UNDER_WAY = os.path.join(VENV, ".swarmd-installing")
LOG = os.path.join(VENV, "install.log")
LOCKS = {
    "runtime": ("requirements.lock", "requirements-build.lock"),
    "dev": ("requirements-dev.lock",),  # a superset of the other two
}


def main(arguments: list[str]) -> int:
    """Make the environment, or with ``--check`` only say by the exit status whether it is there."""
    kind = arguments[-1]
    if "--check" in arguments:
        return 0 if is_finished(kind, version_of(sys.version_info)) else 1
    import fcntl

    try:
        with open(__file__, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another process is making .venv, waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            make(kind, lock.fileno())
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the next start makes .venv anew", file=sys.stderr)
        return 130
    return 0


class Failure(Exception):
    """Something the user has to know to go on."""


def say(text: str) -> None:
    """Tell what is being done, apart from the output of the command that follows."""
    print(f"[setup] {text}", file=sys.stderr, flush=True)


def version_of(info: "sys._version_info | tuple[int, ...]") -> str:
    """Name what the installed packages depend on: the feature release."""
    return f"{info[0]}.{info[1]}"


def stamp_path(kind: str) -> str:
    """Tell where the stamp of a finished installation is."""
    return os.path.join(VENV, f".swarmd-{kind}")


def stamp(kind: str, version: str) -> bytes:
    """Gather everything that an installation is made from."""
    parts = [ROOT.encode(), version.encode()]
    for name in ("pyproject.toml", *LOCKS[kind]):
        with open(os.path.join(ROOT, name), "rb") as file:
            parts.append(file.read())
    return b"\n".join(parts)


def is_finished(kind: str, version: str) -> bool:
    """Tell whether the environment is complete and current; one with the development tools also serves to run."""
    if os.path.exists(UNDER_WAY):
        return False
    for each in {kind, "dev"}:
        try:
            with open(stamp_path(each), "rb") as file:
                if file.read() == stamp(each, version):
                    return True
        except FileNotFoundError:
            pass
    return False


def make(kind: str, lock: int) -> None:
    """Bring the environment to what the lock files say, holding the lock with that file descriptor."""
    import shutil
    import time

    began = time.monotonic()
    version = interpreter_version()
    if version is not None and is_finished(kind, version):
        return  # another process did it while this one waited
    if os.path.exists(VENV) and (version is None or os.path.exists(UNDER_WAY) or was_moved()):
        say("removing a .venv that was interrupted, moved here or cannot be used")
        shutil.rmtree(VENV)
        version = None
    if version is None:
        create()
        version = interpreter_version()
    if version is None:
        raise Failure("the new .venv does not work: .venv/bin/python cannot be run")
    with open(UNDER_WAY, "w"):
        pass
    for each in LOCKS:
        if os.path.exists(stamp_path(each)):
            os.remove(stamp_path(each))
    pip = find_pip()
    for name in LOCKS[kind]:
        # A lock file is complete, so nothing is resolved, and what it does not name is not installed.
        install(pip, lock, name, "--require-hashes", "--no-deps", "-r", os.path.join(ROOT, name))
    # The build backend is in the environment by now, with its hash checked; an isolated build would fetch another.
    install(pip, lock, "swarmd itself", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    with open(stamp_path(kind), "wb") as file:
        file.write(stamp(kind, version))
    os.remove(UNDER_WAY)
    say(f"ready after {time.monotonic() - began:.0f} s")


def interpreter_version() -> str | None:
    """Ask the environment's interpreter for its version; None if it is missing, broken or too old."""
    import subprocess

    program = "import sys; print(*sys.version_info[:2], sep='.'); sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-I", "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def was_moved() -> bool:
    """Tell an environment that came here with a copied or moved checkout: its commands name the old place."""
    for kind in LOCKS:
        try:
            with open(stamp_path(kind), "rb") as file:
                if file.readline().rstrip(b"\n") != ROOT.encode():
                    return True
        except FileNotFoundError:
            pass
    return False


def create() -> None:
    """Make an empty environment, with pip in it where this Python brings one along."""
    import shutil
    import subprocess

    say(f"making .venv with Python {sys.version.split()[0]}")
    command = [sys.executable, "-m", "venv", VENV]
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return
    # Debian and Ubuntu keep ensurepip in a package of its own (python3-venv); the pip outside can do its work.
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([*command, "--without-pip"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"{' '.join(command)} failed:\n{made.stdout}{made.stderr}")


def find_pip() -> list[str]:
    """Find a pip that installs into the environment: its own, else one outside (22.3 or later knows ``--python``)."""
    import shutil
    import subprocess

    candidates = [[PYTHON, "-m", "pip"], [sys.executable, "-m", "pip", "--python", PYTHON]]
    candidates += [[name, "--python", PYTHON] for name in ("pip3", "pip") if shutil.which(name)]
    for candidate in candidates:
        if subprocess.run([*candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return candidate
    raise Failure(
        "this Python has neither ensurepip nor a pip of version 22.3 or later.\n"
        "       On Debian and Ubuntu: apt-get install python3-venv (or python3-pip); elsewhere: python3 -m ensurepip"
    )


def install(pip: list[str], lock: int, what: str, *arguments: str) -> None:
    """Run ``pip install``, showing on a terminal what it is at and keeping the whole output in a log.

    pip shares the lock, so that it stays held if this process is killed and pip is still writing.
    """
    import subprocess
    import time

    began = time.monotonic()
    total = count_packages(arguments[-1])
    say(f"installing {what}" + (f", {total} packages" if total else ""))
    command = [*pip, "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", *arguments]
    live = sys.stderr.isatty()
    seen = 0
    with open(LOG, "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            pass_fds=(lock,),
        )
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            if live and line.startswith(("Collecting ", "Requirement already ", "Installing collected ")):
                seen += 1
                doing = " ".join(line.split()[:2]) if line.startswith("Collecting") else "Installing"
                print(f"\r\x1b[K[setup] {min(seen, total)}/{total} {doing}", end="", file=sys.stderr, flush=True)
        status = process.wait()
    if live and seen:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if status != 0:
        with open(LOG, encoding="utf-8") as log:
            last = "".join(log.readlines()[-15:])
        raise Failure(f"pip could not install {what} (exit status {status}); the end of .venv/install.log:\n{last}")
    say(f"installed {what} in {time.monotonic() - began:.0f} s")


def count_packages(path: str) -> int:
    """Count the packages that a lock file names."""
    if not path.endswith(".lock"):
        return 0
    with open(path, encoding="utf-8") as file:
        return sum("==" in line for line in file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
