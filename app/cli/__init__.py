"""The ``swarmd`` command: a thin user of the service, which it starts (``serve``) or talks to over HTTP.

One module a command, imported heavily only when that command runs, so that ``swarmd --help`` stays fast. What may go
wrong in the user's world is a ``failures.Failure`` and ends as plain lines on stderr with an exit code; see there.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app import __version__
from app.cli.demo import demo
from app.cli.failures import Failure, Interrupted
from app.cli.mock_model import mock_model
from app.cli.openapi import openapi
from app.cli.run import run
from app.cli.serve import serve

app = typer.Typer(
    name="swarmd",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"swarmd {__version__}")
        raise typer.Exit


@app.callback()
def swarmd(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Self-hosted swarm-as-a-service: hundreds of model-driven sub-agents in parallel, durable and budgeted."""


def version() -> None:
    """Print the version."""
    _print_version(True)


for _command in (serve, run, demo, mock_model, openapi, version):
    app.command()(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    try:
        app(args=arguments, prog_name="swarmd")
    except Failure as exc:
        typer.echo(f"swarmd: error: {exc.message}", err=True)
        sys.exit(exc.exit_code)
    except (Interrupted, KeyboardInterrupt) as exc:
        sys.exit(getattr(exc, "exit_code", 130))
