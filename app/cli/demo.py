"""``swarmd demo``: a real swarm over real files, by default this project's own source, with the offline model."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failures import EXIT_ERROR, EXIT_USAGE, Failure, Interrupted, exit_code_of
from app.cli.messages import command, counted, printable, say

if TYPE_CHECKING:
    from app.cli.demo_graph import Plan
    from app.cli.follow import Ended
    from app.cli.session import Session

_MAX_LINES_OF_A_KIND = 5


def demo(
    path: Annotated[Path | None, typer.Argument(help="Source tree to review; default: swarmd's own.")] = None,
    documents: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read the documents (text, HTML, PDF, Word, Excel) in this folder instead."),
    ] = None,
    model: Annotated[str, typer.Option(help="Any other model may cost money.")] = "offline",
    agents: Annotated[int, typer.Option(min=1, max=1000, help="Sub-agents at the same time.")] = 100,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the service keeps the swarm; default: its usual one.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the service; 0 takes a free one.")] = 0,
    key: Annotated[
        str | None,
        typer.Option("--api-key", "--key", envvar="SWARMD_API_KEY", help="API key, for a service that runs."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report to this file too.")] = None,
    keep: Annotated[bool, typer.Option(help="Leave the service running until Ctrl-C.")] = False,
    progress: Annotated[bool, typer.Option(help="Show progress on stderr.")] = True,
) -> None:
    """Review a source tree, or read documents, with a swarm: one sub-agent a file, then one merged report.

    Starts the real service for the time being. Uses the built-in `offline` model, which needs no key and costs
    nothing. Exit code 0 only if the whole swarm completed, else as in `swarmd run`.
    """
    import orjson

    from app.cli.follow import run_to_end
    from app.cli.interrupts import Interrupts
    from app.cli.results import check_writable
    from app.cli.session import embedded_or_running

    if path is not None and documents is not None:
        raise Failure("give either PATH or --documents, not both", EXIT_USAGE)
    if out is not None:
        check_writable(out)
    plan = plan_for(path, documents, model=model, agents=agents)
    _tell(plan)
    with Interrupts() as interrupts, embedded_or_running(data_dir, port, key) as session:
        ended = run_to_end(session.client, orjson.dumps(plan.body), interrupts, progress=progress)
        reported = _show_report(ended, out)
        _show_footer(plan, ended, session, keep=keep)
        if keep and session.is_embedded:
            with suppress(Interrupted):
                session.wait()
    code = exit_code_of(ended.final.status)
    raise typer.Exit(code if reported or code else EXIT_ERROR)


def plan_for(path: Path | None, documents: Path | None, *, model: str, agents: int) -> Plan:
    """The swarm over a source tree (this package where no path is given) or a folder of documents."""
    from app.cli.corpus import is_document, language_of, read_corpus
    from app.cli.demo_graph import code_review, document_reading

    if documents is not None:
        return document_reading(read_corpus(documents, is_document, "documents"), model=model, agents=agents)
    if path is None:
        import app

        path = Path(str(app.__file__)).parent
    return code_review(read_corpus(path, language_of, "source files"), model=model, agents=agents)


def _tell(plan: Plan) -> None:
    """What the swarm will be and what was left out; many notices of one kind are cut short."""
    for notice in plan.notices[:_MAX_LINES_OF_A_KIND]:
        say(notice)
    if len(plan.notices) > _MAX_LINES_OF_A_KIND:
        say(f"and {counted(len(plan.notices) - _MAX_LINES_OF_A_KIND, 'more notice')} like these")
    size = f"{counted(plan.files, 'file')} in {counted(plan.folders, 'folder')}"
    say(f"{plan.body['name']}: {size}, {counted(len(plan.body['tasks']), 'task')}, model {plan.body['model']}")


def _show_report(ended: Ended, out: Path | None) -> bool:
    """The final task's output on stdout, as Markdown where a person reads it; whether there was one."""
    import sys

    from app.cli.demo_graph import FINAL_TASK_ID
    from app.cli.results import deliver, failures_of, output_of

    report = output_of(ended.results, FINAL_TASK_ID)
    for line in failures_of(ended.results)[:_MAX_LINES_OF_A_KIND]:
        say(f"failed: {line}")
    if report is None:
        say("there is no report: its task did not complete")
        return False
    report = report.rstrip("\n") + "\n"
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(printable(report)))
    else:
        deliver(report, None)
    if out is not None:
        deliver(report, out)
    return True


def _show_footer(plan: Plan, ended: Ended, session: Session, *, keep: bool) -> None:
    import shlex

    from app.cli.progress import clock_text, money_text
    from app.cli.session import usual_url

    final, url = ended.final, session.client.base_url
    typer.echo(err=True)
    say(
        f"{ended.swarm_id} {final.status}: {final.completed:,} of {final.total:,} sub-agents completed, "
        f"{final.failed:,} failed, {counted(plan.files, 'file')}, {clock_text(final.elapsed_s)}, "
        f"{money_text(final.cost_usd)}"
    )
    pages = [f"{url}{page}" for page in (_console(ended), "/docs") if session.client.has_page(page)]
    results = f"{url}/v1/swarms/{ended.swarm_id}/results"
    if session.is_embedded and not keep:
        if session.is_temporary:
            say("the swarm was kept in a temporary directory, which is removed now")
            return
        say(f"the report and every task are stored in {session.data_dir}; to look at them, start the service again:")
        say(f"  {command()} serve --data-dir {shlex.quote(str(session.data_dir))}")
        say(f"  and open {usual_url()}{_console(ended)} or {usual_url()}/v1/swarms/{ended.swarm_id}/results")
        say(f"or leave it running with `{command()} demo --keep`")
        return
    say(f"the report and every task: {results}")
    say(f"open {' or '.join(pages) or url}" + (" -- Ctrl-C stops the service" if session.is_embedded else ""))


def _console(ended: Ended) -> str:
    """Path of the run's page in the console."""
    return f"/console/runs/{ended.swarm_id}"
