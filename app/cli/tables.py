"""Tables as plain aligned text: the same on a terminal and in a pipe, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from app.cli.messages import one_line

_GAP = "  "


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines of columns as wide as their widest value, numbers to the right.

    Args:
        heads: one for each column.
        rows: values for each column; None is shown as ``-``.
    """
    values = list(rows)
    texts = [[_text(value) for value in row] for row in values]
    right = [all(isinstance(row[at], _Number | None) for row in values) and bool(values) for at in range(len(heads))]
    lines = [[head.upper() for head in heads], *texts]
    widths = [max(cell_len(line[at]) for line in lines) for at in range(len(heads))]
    return "".join(f"{_line(line, widths, right)}\n" for line in lines)


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A line for each name and value, the values below each other; those that are None are left out."""
    shown = [(name, _text(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    return "".join(f"{name:<{width}}{_GAP}{text}\n" for name, text in shown)


class Number(str):
    """A number as it is to be read; it stands to the right of its column."""

    __slots__ = ()


_Number = int | float | Number


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else one_line(str(value))


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = []
    for text, width, to_the_right in zip(texts, widths, right, strict=True):
        blanks = " " * (width - cell_len(text))
        cells.append(blanks + text if to_the_right else text + blanks)
    return _GAP.join(cells).rstrip()
