"""``swarmd ls``: the runs, newest first."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.messages import say
from app.cli.options import All, ApiKey, AsJson, Cursor, Limit, Url

if TYPE_CHECKING:
    from datetime import datetime

    from app.cli.client import JsonObject

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class Status(StrEnum):
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    AGGREGATING = "aggregating"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


def ls(
    status: Annotated[Status | None, typer.Option(help="Only those in this state.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only those of this orchestrator, by id or name.")] = None,
    name: Annotated[str | None, typer.Option(help="Only those of exactly this name.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Started since: 30m, 12h, 7d, or 2026-01-31T12:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Started before.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: All = False,
    url: Url = None,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first, with what they have done and cost.

    Exit code: 0, also where there are none; 1 the service could not be reached; 2 the call is wrong.

    Example: `swarmd ls --status running --since 12h`
    """
    from datetime import UTC, datetime

    from app.cli.results import as_json as json_text
    from app.cli.session import connect

    now = datetime.now(UTC)
    where = {
        "status": status.value if status else None,
        "agent": agent,
        "name": name,
        "created_after": moment("--since", since, now),
        "created_before": moment("--until", until, now),
        "limit": 1000 if everything else limit,
        "cursor": cursor,
    }
    items: list[JsonObject] = []
    with connect(url, key, may_embed=False) as session:
        for page in session.client.pages("/v1/swarms", **where):
            items += page["items"]
            if not everything:
                break
    next_cursor = None if everything else page["next_cursor"]
    if as_json:
        typer.echo(json_text({"items": items, "next_cursor": next_cursor}), nl=False)
        return
    typer.echo(listed(items), nl=False)
    if next_cursor:
        say(f"there are more: --cursor {next_cursor} goes on, --all lists all")


def listed(swarms: list[JsonObject]) -> str:
    """A line for each run."""
    from app.cli.progress import count_text, money_text
    from app.cli.tables import Number, table

    heads = ("id", "status", "done", "failed", "cost", "tokens", "created", "name")
    rows = []
    for swarm in swarms:
        counts, tokens = swarm["counts"], swarm["tokens"]
        ended = sum(counts[state] for state in ("completed", "failed", "cancelled", "skipped"))
        done = Number(f"{ended:,}/{counts['total']:,}")
        cost = Number(money_text(swarm["cost_usd"]))
        used = Number(count_text(tokens["in"] + tokens["out"]))
        created = str(swarm["created_at"])[:19].replace("T", " ")
        rows.append((swarm["swarm_id"], swarm["status"], done, counts["failed"], cost, used, created, swarm["name"]))
    return table(heads, rows)


def moment(flag: str, text: str | None, now: datetime) -> str | None:
    """A time as the API takes it, from one or from how long ago it was.

    Raises:
        Failure: it is neither.
    """
    from datetime import UTC, datetime, timedelta

    if text is None:
        return None
    try:
        if text[-1:] in _UNITS_S and text[:-1].isascii() and text[:-1].isdigit():
            moment = now - timedelta(seconds=int(text[:-1]) * _UNITS_S[text[-1]])
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:
        raise Failure(
            f"{flag}: expected 30m, 12h, 7d or a time such as 2026-01-31T12:00Z, not {text!r}", EXIT_USAGE
        ) from exc
    return (moment if moment.tzinfo else moment.astimezone()).astimezone(UTC).isoformat()
