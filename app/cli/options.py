"""The arguments and flags that the commands about runs have in common."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.completing import complete_swarm

SwarmId = Annotated[
    str,
    typer.Argument(metavar="ID", help="Id of the run (swm_…); `swarmd ls` lists them.", autocompletion=complete_swarm),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="SWARMD_URL", help="The service; default: the one on the usual port (SWARMD_PORT, 8000)."
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", "--key", envvar="SWARMD_API_KEY", help="API key; better as the variable than as a flag."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API answers it.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where a page ended: its next_cursor.")]
All = Annotated[bool, typer.Option("--all", help="All there are, page after page.")]
