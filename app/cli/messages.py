"""What the commands say beside their result: on stderr, so that stdout stays the result alone."""

from __future__ import annotations

import os

import typer

_CONTROL_CHARACTERS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def counted(number: int, noun: str) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def command() -> str:
    """How the user started this program: ``scripts/run`` says so, since it puts no ``swarmd`` on the path."""
    return os.environ.get("SWARMD_COMMAND", "swarmd")


def say(text: str) -> None:
    typer.echo(f"swarmd: {printable(text)}", err=True)


def printable(text: str) -> str:
    """The text without control characters but line ends and tabs.

    Models, upstreams and file names decide what is shown; an escape sequence among it could rewrite the terminal.
    """
    return text.translate(_CONTROL_CHARACTERS)


def one_line(text: str) -> str:
    """The text in one line: runs of blanks and line ends as one blank, other control characters replaced."""
    return printable(" ".join(text.split()))
