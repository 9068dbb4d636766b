"""Fenced blocks of a Markdown document, and a terminal in which they are run one after the other, as a reader would.

What a block is for stands behind the language of its fence, where no reader sees it:

====================  =====================================================================
``sh``                commands; each must end well
``sh refused``        a request that the service refuses: a curl that ends with an HTTP error
``sh background``     a command that stays: ``serve`` or ``mock-model``; one that runs is stopped first
``python``            a program
``LANG file=NAME``    is written to the file NAME, for blocks below
``LANG output``       what the block above printed; ``…`` stands for anything, alone on a line for any lines
``… numbers-vary``    the same, whatever the figures are
``json body``         fields of the body of ``POST /v1/swarms``
``toml settings``     settings of the service
``text figure``       a picture
====================  =====================================================================

Ids and times vary in every output. Variables that a block sets are there in the blocks below.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx2
import pydantic

from app.api.schemas.swarm_create import SwarmCreate
from app.settings import load_settings
from tests.support.service import ROOT, clean_environment, poll

SERVICE_PORT, MODEL_PORT, RECEIVER_PORT = 8000, 9100, 9200
"""As documents show them; free ones stand for them, so that documents are read beside each other."""

DEADLINE_S = 120.0
CURL_SAW_AN_ERROR = 22

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"\b([a-z]+)[_-][0-9A-HJKMNP-TV-Z]{26}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NUMBER = re.compile(r"\d[\d,.]*")


class Broken(AssertionError):
    """A block does not do what the document says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """``line`` is that of its fence; ``flags`` are the words behind the language."""

    document: str
    line: int
    language: str
    flags: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line} {self.first_line[:40]}"

    @property
    def first_line(self) -> str:
        return self.text.strip().partition("\n")[0]

    @property
    def file(self) -> str | None:
        return next((flag.removeprefix("file=") for flag in self.flags if flag.startswith("file=")), None)


def blocks_of(document: str, text: str) -> list[Block]:
    """Every fenced block in order.

    Raises:
        Broken: a fence that is never closed.
    """
    blocks = []
    for match in _FENCE.finditer(text):
        language, *flags = match["info"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(document=document, line=line, language=language, flags=tuple(flags), text=match["text"]))
    fences = sum(line.startswith("```") for line in text.split("\n"))
    if fences != 2 * len(blocks):
        raise Broken(f"{document}: {fences} lines begin with a fence, {len(blocks)} blocks were found")
    return blocks


class Terminal:
    """Runs blocks in a folder where ``scripts`` is, and nothing else. A context manager.

    Args:
        substitutions: what is written otherwise before it is run: a text, and what stands for it.
        not_run: first lines of the blocks that are not run, each with the reason; commands are parsed all the same.
    """

    def __init__(
        self, folder: Path, *, substitutions: Mapping[str, str] | None = None, not_run: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._ports = {port: free_port() for port in (SERVICE_PORT, MODEL_PORT, RECEIVER_PORT)}
        self._substitutions = dict(substitutions or {})
        self._not_run = dict(not_run or {})
        self._state = folder / ".exports"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._printed: str | None = None
        self.skipped: set[str] = set()
        self._prepare()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for process in self._running.values():
            _stop(process)

    def run(self, block: Block) -> None:
        """Do what the block is for.

        Raises:
            Broken: it fails, prints something else, or it is not said what it is for.
        """
        if block.first_line in self._not_run:
            self.skipped.add(block.first_line)
            if block.language == "sh":
                self._output_of(block, ["bash", "-n", "-c", block.text])
            self._printed = None
            return
        if block.file is not None:
            (self._folder / block.file).write_text(self._substituted(block.text), encoding="utf-8")
            if block.language == "json":
                _json_of(block)
            return
        match block.language, block.flags:
            case "sh", ():
                self._shell(block)
            case "sh", ("refused",):
                self._shell(block, status=CURL_SAW_AN_ERROR)
            case "sh", ("background",):
                self._background(block)
            case "python", ():
                self._printed = self._output_of(block, [sys.executable, "-c", self._substituted(block.text)])
            case _, ("output",):
                self._compare(block, numbers_vary=False)
            case _, ("output", "numbers-vary"):
                self._compare(block, numbers_vary=True)
            case "json", ("body",):
                _check_body(block)
            case "toml", ("settings",):
                self._check_settings(block)
            case "text", ("figure",):
                pass
            case language, flags:
                raise Broken(
                    f"{block.name}: nothing is known of a block of {' '.join((language or 'no kind', *flags))}"
                )

    def _prepare(self) -> None:
        programs = self._folder / ".programs"
        programs.mkdir()
        (self._folder / "scripts").mkdir()
        python = shlex.quote(sys.executable)
        # curl alone ends well whatever it was answered; what the examples ask for must be done.
        for program, command in {
            programs / "curl": f"{shutil.which('curl')} --fail-with-body",
            programs / "python3": python,
            programs / "swarmd": f"env PYTHONPATH={shlex.quote(str(ROOT))} {python} -m app.cli",
            self._folder / "scripts" / "run": shlex.quote(str(ROOT / "scripts" / "run")),
            self._folder / "scripts" / "test": shlex.quote(str(ROOT / "scripts" / "test")),
        }.items():
            program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        environment = clean_environment() | {
            "HOME": str(self._folder),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "SWARMD_PORT": str(self._ports[SERVICE_PORT]),
        }
        self._environment = environment
        self._state.write_text("", encoding="utf-8")

    def _substituted(self, text: str) -> str:
        for written, used in self._substitutions.items():
            text = text.replace(written, used)
        for shown, port in self._ports.items():
            text = re.sub(rf"(127\.0\.0\.1(?::|\", )|--port ){shown}\b", rf"\g<1>{port}", text)
        return text

    def _shell(self, block: Block, status: int = 0) -> None:
        self._printed = self._output_of(
            block, self._command(f"{self._substituted(block.text)}\nexport -p >{self._state}\n"), status
        )

    def _command(self, text: str) -> Sequence[str]:
        """Bash that knows what the blocks above have set, and stops at the first command that fails."""
        return ["bash", "-c", f"set -euo pipefail; set -a; . {self._state}; {text}"]

    def _output_of(self, block: Block, command: Sequence[str], status: int = 0) -> str:
        try:
            ended = subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise Broken(f"{block.name}: not done after {DEADLINE_S:g} s") from exc
        if ended.returncode != status:
            raise Broken(f"{block.name}: ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def _background(self, block: Block) -> None:
        kind, port, path = (
            ("mock-model", MODEL_PORT, "/v1/models")
            if "mock-model" in block.text
            else ("serve", SERVICE_PORT, "/readyz")
        )
        if kind in self._running:
            _stop(self._running.pop(kind))
        log = self._folder / f".{kind}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._command(self._substituted(block.text)),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[kind] = process
        url = f"http://127.0.0.1:{self._ports[port]}{path}"

        def is_there() -> bool:
            if process.poll() is not None:
                raise Broken(f"{block.name}: ended with {process.returncode}\n{log.read_text()}")
            with suppress(httpx2.TransportError):
                return httpx2.get(url, timeout=1).status_code == 200
            return False

        poll(is_there, what=block.name)

    def _compare(self, block: Block, *, numbers_vary: bool) -> None:
        if self._printed is None:
            raise Broken(f"{block.name}: there is no block above that printed something")
        shown, printed = (_settled(text, numbers_vary=numbers_vary) for text in (block.text, self._printed))
        if not re.fullmatch(_pattern(shown), printed.strip("\n") + "\n", re.DOTALL):
            raise Broken(f"{block.name}: shown is\n{block.text}\nprinted was\n{self._printed}")

    def _check_settings(self, block: Block) -> None:
        file = self._folder / "checked.toml"
        file.write_text(block.text, encoding="utf-8")
        try:
            load_settings(config=file)
        except ValueError as exc:
            raise Broken(f"{block.name}: {exc}") from exc


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: bash waits for what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _check_body(block: Block) -> None:
    try:
        SwarmCreate.model_validate(_json_of(block))
    except pydantic.ValidationError as exc:
        raise Broken(f"{block.name}: {exc}") from exc


def _json_of(block: Block) -> object:
    try:
        value: object = json.loads(block.text)
    except json.JSONDecodeError as exc:
        raise Broken(f"{block.name}: {exc}") from exc
    return value


def _settled(text: str, *, numbers_vary: bool) -> str:
    """The text with everything that differs from one run to the next written alike."""
    text = _TIME.sub("TIME", _ID.sub(r"\1_ID", text))
    return re.sub(" +", " ", _NUMBER.sub("N", text)) if numbers_vary else text


def _pattern(shown: str) -> str:
    """A regular expression that matches what ``shown`` shows."""
    lines = []
    for line in shown.strip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(r"[^\n]*".join(re.escape(part) for part in line.split("…")) + r"\n")
    return "".join(lines)
