"""The sub-agents of a run as a grid of characters: one each, or one for several where there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.cli.cells import STATES, Cell
from app.cli.messages import one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

_LOOKS = {
    "completed": ("■", "#", "green"),
    "running": ("▶", ">", "blue"),
    "retrying": ("↻", "r", "yellow"),
    "queued": ("□", "o", ""),
    "waiting": ("·", ".", "dim"),
    "failed": ("✗", "x", "red"),
    "cancelled": ("/", "/", "yellow"),
    "skipped": ("-", "-", "dim"),
}
"""Character, the same where only ASCII can be shown, and style: no state is told by its colour alone."""

_MARGIN = 2
_LEAST_ROWS = 2
_MOST_ROWS = 16
_OTHER_LINES = 14
"""What the rest of the picture and the prompt take of the height of the screen."""

_LONGEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid, what its characters mean, and the sub-agents that have been running longest.

    Attributes:
        now: the service's time of the latest event.
        gone_s: seconds since then.
        is_final: the run has ended: nothing runs any more.
    """

    cells: Sequence[Cell]
    now: str = ""
    gone_s: float = 0.0
    is_final: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        look = 1 if options.ascii_only else 0
        width = max(options.max_width - 2 * _MARGIN, 1)
        rows = min(max(console.height - _OTHER_LINES, _LEAST_ROWS), _MOST_ROWS)
        each = -(-len(self.cells) // (width * rows))
        states = folded([cell.state for cell in self.cells], each)
        for start in range(0, len(states), width):
            yield Text.assemble(
                " " * _MARGIN, *((_LOOKS[name][look], _LOOKS[name][2]) for name in states[start:][:width])
            )
        yield legend(states, each, look)
        if not self.is_final:
            yield from self._longest()

    def _longest(self) -> list[Text]:
        from rich.text import Text

        from app.cli.progress import clock_text

        running = [cell for cell in self.cells if cell.state in {"running", "retrying"} and cell.began]
        running.sort(key=lambda cell: cell.began)
        lines = []
        for cell in running[:_LONGEST_SHOWN]:
            more = [f"attempt {cell.attempt}"] if cell.attempt > 1 else []
            more += [f"step {cell.step}"] if cell.step else []
            line = "  ".join([clock_text(cell.running_s(self.now) + self.gone_s), one_line(cell.task_id), *more])
            lines.append(Text(" " * _MARGIN + line, style="cyan", overflow="ellipsis", no_wrap=True))
        return lines


def folded(states: Sequence[str], each: int) -> list[str]:
    """Of every ``each`` states in a row the one that a person should see first."""
    if each <= 1:
        return list(states)
    rank = {state: place for place, state in enumerate(STATES)}
    return [min(states[start : start + each], key=rank.__getitem__) for start in range(0, len(states), each)]


def legend(states: Sequence[str], each: int, look: int = 0) -> Text:
    """What the characters that are shown mean, and for how many sub-agents one stands."""
    from rich.text import Text

    shown = [name for name in _LOOKS if name in set(states)]
    parts: list[str | tuple[str, str]] = [" " * _MARGIN]
    for name in shown:
        parts += [(_LOOKS[name][look], _LOOKS[name][2]), (f" {name}  ", "dim")]
    if each > 1:
        parts.append((f"one for {each:,} sub-agents", "dim"))
    return Text.assemble(*parts)
