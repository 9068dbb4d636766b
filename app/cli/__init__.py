"""The ``swarmd`` command: a thin user of the service, which it starts (``serve``) or talks to over HTTP.

One module a command, and nothing heavy imported before the command that needs it runs, so that ``swarmd --help`` stays
fast. What may go wrong in the user's world is a ``failures.Failure`` and ends as plain lines on stderr with an exit
code; see there.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from app import __version__
from app.cli.backup import backup
from app.cli.demo import demo
from app.cli.failures import EXIT_INTERRUPTED, Failure, Interrupted
from app.cli.messages import say
from app.cli.openapi import openapi
from app.cli.run import run


def _new_app() -> typer.Typer:
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


app = _new_app()


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


def _add_deferred(name: str, summary: str) -> None:
    """Add the command, or group of commands, of the module of the same name, which is imported only when it is called.

    For the commands whose flags alone need the settings or a server library; ``--help`` is passed on like any flag.
    """

    @app.command(
        name,
        help=summary,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def deferred(context: typer.Context) -> None:
        function = name.replace("-", "_")
        target = getattr(import_module(f"app.cli.{function}"), function)
        wrapper = _new_app()
        if isinstance(target, typer.Typer):
            wrapper.add_typer(target, name=name)
            wrapper(args=[name, *context.args], prog_name="swarmd")
        else:
            wrapper.command(name, no_args_is_help=False)(target)
            wrapper(args=context.args, prog_name=f"swarmd {name}")


def version() -> None:
    """Print the version."""
    _print_version(True)


_add_deferred("serve", "Start the service and serve until Ctrl-C or SIGTERM.")
app.command()(run)
_add_deferred("recipes", "List and show recipes, which `swarmd run --recipe` runs.")
app.command()(demo)
_add_deferred("chaos", "Kill the service again and again in a run of its own, and print the ledger.")
_add_deferred("keys", "Mint, list and revoke API keys.")
app.command()(backup)
_add_deferred("mock-model", "Serve the offline model as an OpenAI-compatible endpoint, with faults on demand.")
app.command()(openapi)
app.command()(version)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    try:
        app(args=arguments, prog_name="swarmd")
    except Failure as exc:
        say(f"error: {exc.message}")
        sys.exit(exc.exit_code)
    except Interrupted as exc:
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
