"""The ``swarmd`` command: a thin user of the service, which it starts (``serve``) or talks to over HTTP.

One module a command, and none of them imported before its command runs (see ``lazy``), so that ``swarmd --help`` and
the shell's completion stay fast. What may go wrong in the user's world is a ``failures.Failure`` and ends as plain
lines on stderr with an exit code; see there.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.failures import EXIT_INTERRUPTED, Failure, Interrupted
from app.cli.lazy import Deferred, add_deferred, lazy_group, new_app
from app.cli.messages import say
from app.cli.version import version

COMMANDS = {
    "serve": Deferred("serve:serve", "Start the service and serve until Ctrl-C or SIGTERM."),
    "worker": Deferred("worker:worker", "Do jobs of sub-agents that services hand out over NATS."),
    "run": Deferred("run:run", "Run a swarm from a file, a recipe or a goal, and print its results."),
    "watch": Deferred("watching:watch", "Watch a run until it ends: its sub-agents, counts, cost and latencies."),
    "ls": Deferred("listing:ls", "List the runs, newest first."),
    "get": Deferred("getting:get", "Show a run, one of its tasks, or its results."),
    "logs": Deferred("logs:logs", "Print what happened in a run, event by event."),
    "cancel": Deferred("steering:cancel", "Cancel a run, or some of its tasks."),
    "pause": Deferred("steering:pause", "Make a run start no further call."),
    "resume": Deferred("steering:resume", "Let a paused run go on."),
    "retry": Deferred("steering:retry", "Run the failed tasks of a run again."),
    "export": Deferred("exporting:export", "Write all tasks, events, metrics or attempts of a run to a file."),
    "artifacts": Deferred("artifacts:artifacts", "List or download what the sub-agents of a run saved."),
    "usage": Deferred("usage:usage", "Sum up calls, tokens and cost by model, key, day or run."),
    "recipes": Deferred("recipes:recipes", "List and show recipes, which `swarmd run --recipe` runs."),
    "demo": Deferred("demo:demo", "Review a source tree, or read documents, with a swarm of the offline model."),
    "keys": Deferred("keys:keys", "Mint, list, rotate and revoke API keys."),
    "credits": Deferred("credits:credits", "Show and top up what a tenant has prepaid."),
    "backup": Deferred("backup:backup", "Copy the database, artifacts and uploads, while the service runs or not."),
    "chaos": Deferred("chaos:chaos", "Kill the service again and again in a run of its own, and print the ledger."),
    "mock-model": Deferred("mock_model:mock_model", "Serve the offline model as an endpoint, with faults on demand."),
    "settings": Deferred("settings_reference:settings", "Print the reference of all settings."),
    "openapi": Deferred("openapi:openapi", "Print the service's OpenAPI document."),
    "asyncapi": Deferred("openapi:asyncapi", "Print the AsyncAPI document of the service's streams and webhooks."),
    "version": Deferred("version:version", "Print the version."),
}

app = new_app(cls=lazy_group(COMMANDS), no_args_is_help=True, add_completion=True)
add_deferred(app, COMMANDS)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def swarmd(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Self-hosted swarm-as-a-service: hundreds of model-driven sub-agents in parallel, durable and budgeted.

    Exit codes of all commands: 0 done; 1 the service could not do it, or is not there; 2 the call is wrong; of a run 3
    partial, 4 failed, 5 cancelled; 130 interrupted.
    """


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
