"""What the commands say beside their result: on stderr, so that stdout stays the result alone."""

from __future__ import annotations

import typer


def counted(number: int, noun: str) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def say(text: str) -> None:
    typer.echo(f"swarmd: {text}", err=True)
