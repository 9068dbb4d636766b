"""The figures that fault tests measure, in one form, for people and for a script that collects them."""

from __future__ import annotations

import os
from pathlib import Path


def report(row: int, text: str) -> None:
    """Print ``row N: text`` and append it to the file that ``SWARMD_FIGURES`` names, if it does.

    Args:
        row: of the fault matrix.
        text: what was measured, as ``<what> = <figure>``.
    """
    line = f"row {row}: {text}"
    print(line)
    path = os.environ.get("SWARMD_FIGURES")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
