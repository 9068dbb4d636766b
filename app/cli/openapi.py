"""``swarmd openapi`` and ``swarmd asyncapi``: the documents of the API, the same bytes for the same code."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

Out = Annotated[Path | None, typer.Option(help="Write the document to this file instead of stdout.")]


def openapi(out: Out = None) -> None:
    """Print the service's OpenAPI document, without starting the service."""
    from app.cli.results import check_writable
    from app.main import create_app
    from app.settings import Settings

    if out is not None:
        check_writable(out)
    # The defaults alone and a folder of its own: the document must not depend on the machine, nor touch its data.
    with tempfile.TemporaryDirectory(prefix="swarmd-openapi-") as folder:
        settings = Settings.model_construct(data_dir=Path(folder))
        document = create_app(settings).openapi()
    _write(document, out)


def asyncapi(out: Out = None) -> None:
    """Print the AsyncAPI document of the service's streams and webhooks, without starting the service."""
    from app.api.asyncapi import document
    from app.cli.results import check_writable

    if out is not None:
        check_writable(out)
    _write(document(), out)


def _write(document: dict[str, Any], out: Path | None) -> None:
    from app.cli.results import deliver

    deliver(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n", out)
