"""Makes the SDKs from the documents in ``openapi/``: ``sdk.py [--check | --tools]``, see ``scripts/sdk``.

Each generator runs on the document in a folder of its own; what it made then replaces what is in the checkout, or is
compared with it. Hand-written files stand beside the generated ones and are left alone. A generator that warns, as it
does when it drops an operation or a schema, fails.
"""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi/openapi.json"
STREAMS = ROOT / "openapi/asyncapi.json"
PYTHON_SDK = ROOT / "openapi/sdk/python"
TYPESCRIPT_SDK = ROOT / "openapi/sdk/typescript"
ENVIRONMENT = ROOT / ".venv-sdk"
LOCK = ROOT / "requirements-sdk.lock"
PACKAGE = "swarmd_client"
PYTHON_GENERATED = ("api", "models", "client.py", "errors.py", "types.py")
TYPESCRIPT_GENERATED = ("lib", "schema.d.ts", "events.d.ts")
PARSED = """        parsed=_parse_response(client=client, response=response),
"""
READABLE = """        parsed=_parse_response(client=client, response=response)
        if response.is_success or "json" in response.headers.get("Content-Type", "")
        else None,
"""
"""The generator takes the body of a documented refusal for the document's, though a proxy may have refused, in HTML."""
NOT_DONE = 3
DRIFT_LINES = 40

Half = tuple[Path, Path, Sequence[str]]
"""Where something was made, where it belongs, and the names of what is generated there."""


class Failure(Exception):
    """Something the user has to know to go on."""


def main(arguments: Sequence[str]) -> int:
    """Do what the command says; return its exit status."""
    with open(__file__, "rb") as lock, tempfile.TemporaryDirectory(prefix="swarmd-sdk-") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one at a time installs and writes
        try:
            node = shutil.which("node") is not None and shutil.which("npm") is not None
            install_python_tools()
            if node:
                install_node_tools()
            else:
                print("sdk: node and npm are not installed (apt-get install nodejs npm): only the Python SDK is made")
            if "--tools" in arguments:
                return 0 if node else NOT_DONE
            halves: list[Half] = [(make_python(Path(folder)), PYTHON_SDK / PACKAGE, PYTHON_GENERATED)]
            if node:
                halves.append((make_typescript(Path(folder)), TYPESCRIPT_SDK, TYPESCRIPT_GENERATED))
            status = check(halves) or check_types(node) if "--check" in arguments else write(halves)
        except Failure as failure:
            print(f"sdk: {failure}", file=sys.stderr)
            return 1
    return status or (0 if node else NOT_DONE)


def install_python_tools() -> None:
    """Make ``.venv-sdk`` from its lock file, where it is not there or was made from another one."""
    python = ENVIRONMENT / "bin/python"
    stamp = ENVIRONMENT / ".swarmd-sdk"
    wanted = f"{ROOT}\n{sys.version}\n{LOCK.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT))
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--no-input")
    run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(LOCK))
    stamp.write_text(wanted)


def install_node_tools() -> None:
    """Make ``node_modules`` from its lock file, where it is not there or was made from another one."""
    lock = TYPESCRIPT_SDK / "package-lock.json"
    stamp = TYPESCRIPT_SDK / "node_modules/.swarmd-sdk"
    wanted = lock.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        run("npm", "ci", "--no-progress", "--loglevel=error", cwd=TYPESCRIPT_SDK)
        stamp.write_text(wanted)


def make_python(folder: Path) -> Path:
    """Return a new folder with the generated part of the Python package."""
    made = folder / PACKAGE
    document = folder / "openapi.json"
    document.write_text(json.dumps(for_python(json.loads(DOCUMENT.read_text()))))
    run(
        str(ENVIRONMENT / "bin/openapi-python-client"),
        *("generate", "--path", str(document), "--config", str(PYTHON_SDK / "generator.yaml")),
        *("--meta", "none", "--fail-on-warning", "--output-path", str(made)),
        cwd=folder,
        # Its last step calls ruff by that name: the one of its own lock file.
        env={"PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )
    for path in (made / "api").glob("*/[!_]*.py"):
        text = path.read_text()
        if text.count(PARSED) != 1:
            raise Failure(f"{path.name}: the generator writes something else now than {PARSED!r}: see READABLE")
        path.write_text(text.replace(PARSED, READABLE))
    return made


def for_python(document: dict[str, Any]) -> dict[str, Any]:
    """Make a table, which may be asked for as CSV or as JSON, a file: the generator would read both as JSON."""
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                if "text/csv" in response.get("content", {}):
                    response["content"] = {"text/csv": {"schema": {"type": "string", "format": "binary"}}}
    return document


def of_streams(document: dict[str, Any]) -> dict[str, Any]:
    """Return the shapes of an AsyncAPI document as an OpenAPI one, with the union of all events as ``Event``."""
    messages = document["components"]["messages"]
    payloads = [messages[name]["payload"] for name in document["channels"]["swarmEvents"]["messages"]]
    schemas = document["components"]["schemas"] | {"Event": {"oneOf": payloads}}
    return {"openapi": "3.1.0", "info": document["info"], "paths": {}, "components": {"schemas": schemas}}


def make_typescript(folder: Path) -> Path:
    """Return a new folder with the types of the document and the compiled package."""
    made = folder / "typescript"
    shutil.copytree(TYPESCRIPT_SDK / "src", made / "src")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(TYPESCRIPT_SDK / name, made)
    (made / "node_modules").symlink_to(TYPESCRIPT_SDK / "node_modules")
    command = made / "node_modules/.bin"
    frames = made / "frames.json"
    frames.write_text(json.dumps(of_streams(json.loads(STREAMS.read_text()))))
    for document, types in ((DOCUMENT, "schema.d.ts"), (frames, "events.d.ts")):
        # A field with a default need not be sent, whatever the generator makes of it by itself.
        options = ("--default-non-nullable=false", "--output", str(made / types))
        run(str(command / "openapi-typescript"), str(document), *options, cwd=made)
    run(str(command / "tsc"), "--project", str(made), cwd=made)
    return made


def write(halves: Sequence[Half]) -> int:
    """Put what was made in the place of what was there."""
    for made, place, names in halves:
        for name in names:
            old = place / name
            if old.is_dir():
                shutil.rmtree(old)
            if (made / name).is_dir():
                shutil.copytree(made / name, old, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(made / name, old)
        print(f"sdk: {place.relative_to(ROOT)} is written, {len(files(place, names))} generated files")
    return 0


def check(halves: Sequence[Half]) -> int:
    """Compare what was made with what is there, and show where they differ."""
    lines = [line for made, place, names in halves for line in differences(made, place, names)]
    if not lines:
        return 0
    print("\n".join(lines[:DRIFT_LINES]))
    print("the SDKs are not what openapi/openapi.json says; make them anew:")
    print("  scripts/sdk")
    return 1


def differences(made: Path, place: Path, names: Sequence[str]) -> Iterator[str]:
    """Name the files that one side lacks, and show the lines of those that differ."""
    new, old = files(made, names), files(place, names)
    for name in sorted(new.keys() | old.keys()):
        if name not in old or name not in new:
            yield f"{place.relative_to(ROOT) / name} is {'missing' if name in new else 'of no use any more'}"
        elif new[name] != old[name]:
            before, after = (side[name].decode().splitlines() for side in (old, new))
            path = str(place.relative_to(ROOT) / name)
            yield from difflib.unified_diff(before, after, path, f"{path} as made now", lineterm="", n=1)


def files(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read every file below some names of a folder, by its path in there."""
    found = [
        path for name in names for path in ((folder / name).rglob("*") if (folder / name).is_dir() else [folder / name])
    ]
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file() and path.suffix != ".pyc"
    }


def check_types(node: bool) -> int:
    """Check the hand-written parts, and the programs that try the SDKs, against what was generated."""
    mypy = (sys.executable, "-m", "mypy", "--python-executable", str(ENVIRONMENT / "bin/python"))
    run(*mypy, "--config-file", str(PYTHON_SDK / "pyproject.toml"), cwd=PYTHON_SDK)
    if node:
        run(str(TYPESCRIPT_SDK / "node_modules/.bin/tsc"), "--project", "tests", cwd=TYPESCRIPT_SDK)
    return 0


def run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command; what it says is shown when it fails.

    Raises:
        Failure: it did not end with 0.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(command[:4])} … failed ({done.returncode}):\n{done.stdout}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
