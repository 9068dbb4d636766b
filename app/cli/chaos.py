"""``swarmd chaos``: kill the service again and again in the middle of a run, and see whether it keeps its promises."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failures import EXIT_OK, EXIT_USAGE, Failure
from app.cli.messages import command, counted, say

if TYPE_CHECKING:
    from app.cli.chaos_run import Plan, Progress


def chaos(
    tasks: Annotated[int, typer.Option(min=2, max=20_000, help="Size of the task graph.")] = 300,
    kills: Annotated[int, typer.Option(min=0, max=10_000, help="How often the service is killed.")] = 50,
    seed: Annotated[int, typer.Option(help="Draws the graph and the moments of the kills.")] = 1,
    parallel: Annotated[int, typer.Option(min=1, max=1000, help="Sub-agents at the same time.")] = 20,
    latency_ms: Annotated[float, typer.Option(min=1, max=60_000, help="What the model takes on average.")] = 200.0,
    data_dir: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Work in this new or empty folder and keep it; default: a temporary one."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the ledger as JSON.")] = False,
    progress: Annotated[bool, typer.Option(help="Tell of every kill on stderr.")] = True,
) -> None:
    """Kill the service with SIGKILL at random moments of a run, and compare three ledgers kept outside of it.

    Starts a model server and the service as processes of their own on 127.0.0.1, on free ports and new data, in SQLite
    whatever SWARMD_DATABASE_URL says: nothing of yours is touched, no model is paid for. What the client was told, what
    the model server was asked and what the stream delivered must agree with the database. Exit code 0 only if every
    promise was kept.
    """
    from app.cli.chaos_ledger import Audit
    from app.cli.chaos_report import as_json, as_table, findings, kept, verdict, violations
    from app.cli.chaos_run import Plan, run_chaos
    from app.cli.interrupts import Interrupts

    plan = Plan(tasks=tasks, kills=kills, seed=seed, parallel=parallel, latency_ms=latency_ms)
    with Interrupts() as interrupts, _folder(data_dir) as folder:
        if progress:
            say(f"{counted(tasks, 'task')}, {counted(kills, 'kill')}, seed {seed}, in {folder}")
        audit = Audit(run_chaos(plan, folder, _teller(plan) if progress else _silent, interrupts.held))
        found = findings(audit)
        if json:
            import orjson

            report = {"seed": seed, "parallel": parallel, "latency_ms": latency_ms} | as_json(found, audit)
            typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        else:
            from rich.console import Console

            Console().print(as_table(found))
            for line in violations(found):
                typer.echo(f"  {line}")
            typer.echo(f"verdict: {verdict(found)}")
        if not kept(found):
            again = f"--tasks {tasks} --kills {kills} --seed {seed} --parallel {parallel} --latency-ms {latency_ms:g}"
            raise Failure(f"{verdict(found)}; the same moments again: {command()} chaos {again}")
    raise typer.Exit(EXIT_OK)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """Where the run is kept: a temporary folder goes away with the command, unless something went wrong in it."""
    if wanted is not None:
        yield _new_folder(wanted)
        return
    folder = Path(tempfile.mkdtemp(prefix="swarmd-chaos-"))
    try:
        yield folder
    except Failure:
        say(f"the database and the logs are kept in {folder}")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder(wanted: Path) -> Path:
    """Make the folder; one with anything in it may be somebody's data."""
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            raise Failure(f"{wanted} is not empty; give a new folder", EXIT_USAGE)
    except OSError as exc:
        raise Failure(f"{wanted}: {exc.strerror}", EXIT_USAGE) from exc
    return wanted.resolve()


def _teller(plan: Plan) -> Callable[[Progress], None]:
    """Says what each kill met."""

    def tell(progress: Progress) -> None:
        again_s = progress.going_again_s
        when = f"{again_s:.2f} s after its start the service had called the model" if again_s is not None else ""
        if again_s is None and progress.kills > 1:
            when = "the service was still starting"
        say(
            f"kill {progress.kills}/{plan.kills}: {progress.completed:,} of {plan.tasks:,} tasks completed, "
            f"{progress.in_flight} in flight{'; ' if when else ''}{when}"
        )

    return tell


def _silent(_: Progress) -> None:
    """Say nothing."""
