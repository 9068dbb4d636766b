"""``swarmd watch``: a run on the screen until it ends."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure, Interrupted, exit_code_of
from app.cli.messages import command, say
from app.cli.options import ApiKey, SwarmId, Url


def watch(
    swarm_id: SwarmId,
    url: Url = None,
    key: ApiKey = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, on a terminal too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Every event, and the figures of every second, as a line of JSON.")
    ] = False,
    after: Annotated[int, typer.Option(min=0, help="With --json: only events with a larger seq.")] = 0,
) -> None:
    """Watch a run until it ends: its sub-agents as a grid, counts, cost, tokens, percentiles and throughput.

    Plain lines where stdout is no terminal. A lost connection is made again, behind the last event that came. Ctrl-C
    leaves the run going.

    Exit code: that of the run: 0 completed, 3 partial, 4 failed, 5 cancelled; 1 the service could not be reached, 130
    interrupted.

    Example: `swarmd watch swm_01J9Z3K8Q4`
    """
    import sys

    import orjson

    from app.cli.finding import hints
    from app.cli.interrupts import Interrupts
    from app.cli.progress import display
    from app.cli.session import connect
    from app.cli.watch import watch as watched

    def print_line(frame: object) -> None:
        sys.stdout.write(orjson.dumps(frame).decode() + "\n")
        sys.stdout.flush()

    if after and not as_json:
        raise Failure("--after goes with --json: the picture needs every event", EXIT_USAGE)
    each = print_line if as_json else lambda _: None
    going_on = (
        f"the run goes on: `{command()} watch {swarm_id}` shows it again, `{command()} cancel {swarm_id}` ends it"
    )
    with Interrupts(), connect(url, key, may_embed=False) as session, hints(session.client, swarm_id):
        final = None
        try:
            with display(enabled=not as_json, stream=sys.stdout, plain=plain) as screen:
                for snapshot in watched(session.client, swarm_id, say=say, each=each, after=after):
                    final = snapshot
                    for note in snapshot.notes if not as_json else ():
                        say(note)
                    screen.show(snapshot)
        except Interrupted:
            say(f"interrupted; {going_on}")
            raise
        except Failure as exc:
            if final is None:
                raise
            raise Failure(f"{exc.message}\n  {going_on}", exc.exit_code) from exc
    raise typer.Exit(exit_code_of(final.status if final else ""))
