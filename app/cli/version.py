"""``swarmd version``."""

from __future__ import annotations

import typer

from app import __version__


def version() -> None:
    """Print the version.

    Example: `swarmd version`
    """
    typer.echo(f"swarmd {__version__}")
