"""The rows. Each module here has a tuple ``ROWS``; add a file to add rows."""

from __future__ import annotations

import importlib
import pkgutil

from scripts.benchmarks.findings import Row


def all_rows() -> dict[int, Row]:
    """Return every row by its number, in order."""
    found: dict[int, Row] = {}
    for module in pkgutil.iter_modules(__path__):
        for row in importlib.import_module(f"{__name__}.{module.name}").ROWS:
            if row.number in found:
                raise ValueError(f"two rows have the number {row.number}")
            found[row.number] = row
    return dict(sorted(found.items()))
