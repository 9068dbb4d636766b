"""What the interpreter in the sandbox runs: takes files and code from its standard input, limits itself, runs the code.

The service never imports this module; it hands its text to ``python3 -c``. So it uses the standard library only, and
as much of it as Python 3.9 has. The code runs as in Python's own console: the value of a last expression is shown.
"""

from __future__ import annotations

import ast
import code
import json
import linecache
import os
import resource
import socket
import sys
import types
from typing import Any, BinaryIO

NAME = "<code>"


class Console(code.InteractiveInterpreter):
    """Remembers whether anything failed; the console itself only prints."""

    failed = False

    def showtraceback(self) -> None:
        self.failed = True
        super().showtraceback()

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        self.failed = True
        super().showsyntaxerror(*args, **kwargs)

    def run(self, text: str) -> None:
        linecache.cache[NAME] = (len(text), None, text.splitlines(keepends=True), NAME)
        try:
            tree = ast.parse(text, NAME)
            last = [tree.body.pop()] if tree.body and isinstance(tree.body[-1], ast.Expr) else []
            parts = (
                [compile(tree, NAME, "exec"), compile(ast.Interactive(last), NAME, "single")]
                if last
                else [compile(tree, NAME, "exec")]
            )
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
            self.showsyntaxerror(NAME)
            return
        for part in parts:
            if not self.failed:
                self.runcode(part)


def received(control: BinaryIO) -> tuple[str, dict[str, int]]:
    """Write the files that come, then wait for the code and its resource limits."""
    while True:
        header = json.loads(control.readline())
        if "file" in header:
            os.makedirs(os.path.dirname(os.path.join("/box", header["file"])), exist_ok=True)
            with open(os.path.join("/box", header["file"]), "xb") as file:
                file.write(control.read(header["bytes"]))
        elif "code" in header:
            return control.read(header["code"]).decode(), header["limits"]
        else:
            with socket.socket(fileno=os.dup(0)) as answer:
                answer.sendall(b"W")


def main() -> None:
    with socket.socket(fileno=os.dup(0)) as service, open(0, "rb", closefd=False) as control:
        folders = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/box", "/tmp")]  # noqa: S108 the sandbox's
        socket.send_fds(service, [b"R"], folders)
        for folder in folders:
            os.close(folder)
        text, limits = received(control)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.nice(10)  # the service goes first
    for name, bound in limits.items():
        resource.setrlimit(getattr(resource, name), (bound, bound))
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.path.insert(0, "/box")
    sys.argv = [NAME]
    console = Console(module.__dict__)
    console.run(text)
    sys.exit(1 if console.failed else 0)


if __name__ == "__main__":
    main()
