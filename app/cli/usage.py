"""``swarmd usage``: what was used and what it cost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.messages import say
from app.cli.options import All, ApiKey, AsJson, Cursor, Limit, Url

if TYPE_CHECKING:
    from app.cli.client import JsonObject


class Group(StrEnum):
    MODEL = "model"
    KEY = "key"
    DAY = "day"
    SWARM = "swarm"


def usage(
    group_by: Annotated[Group, typer.Option("--group-by", help="What there is a line for.")] = Group.MODEL,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, UTC: 2026-01-31.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, UTC.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    everything: All = False,
    url: Url = None,
    key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Sum up calls, tokens and cost, and the total over all pages.

    A run counts on the day it was created; the other groups count each call on its own day.

    Exit code: 0; 1 the service could not be reached; 2 the call is wrong.

    Example: `swarmd usage --group-by day --from 2026-01-01`
    """
    from app.cli.results import as_json as json_text
    from app.cli.session import connect

    where = {"group_by": group_by.value, "from": first, "to": last, "cursor": cursor}
    items: list[JsonObject] = []
    with connect(url, key, may_embed=False) as session:
        for page in session.client.pages("/v1/usage", limit=1000 if everything else limit, **where):
            items += page["items"]
            if not everything:
                break
    if everything:
        page["next_cursor"] = None
    if as_json:
        typer.echo(json_text({**page, "items": items}), nl=False)
        return
    label = "swarm_id" if group_by is Group.SWARM else group_by.value
    typer.echo(summed(group_by.value, label, items, page["total"]), nl=False)
    if page["next_cursor"]:
        say(f"there are more: --cursor {page['next_cursor']} goes on, --all lists all")


def summed(head: str, label: str, items: list[JsonObject], total: JsonObject) -> str:
    """A line for each sum, and one for the total."""
    from app.cli.tables import table

    heads = (head, "calls", "in", "cached", "out", "cost", "unpriced calls")
    rows = [(item[label], *_sums(item)) for item in items]
    return table(heads, [*rows, ("total", *_sums(total))])


def _sums(item: JsonObject) -> tuple[Any, ...]:
    from app.cli.progress import money_text
    from app.cli.tables import Number

    counts = (item[name] for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens"))
    return (*counts, Number(money_text(item["cost_usd"])), item["unpriced_calls"])
