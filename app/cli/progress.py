"""Showing a running swarm: a live picture on a terminal, sparse plain lines everywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TextIO

from app.cli.messages import one_line
from app.cli.watch import Snapshot

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAIN_INTERVAL_S = 2.0
_PLAIN_STEP_PERCENT = 10


class Display(Protocol):
    """Somewhere to show snapshots."""

    def show(self, snapshot: Snapshot) -> None: ...


@contextmanager
def display(*, enabled: bool = True, stream: TextIO | None = None, plain: bool = False) -> Iterator[Display]:
    """The display that fits the stream (default: stderr).

    Args:
        enabled: False shows nothing.
        plain: lines even on a terminal.
    """
    target = stream if stream is not None else sys.stderr
    if not enabled:
        yield SilentDisplay()
    elif target.isatty() and not plain:
        from rich.console import Console

        with LiveDisplay(Console(file=target)).running() as live:
            yield live
    else:
        yield PlainDisplay(target)


class SilentDisplay:
    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""


class PlainDisplay:
    """A line when the share of ended tasks passes a multiple of ten percent, or two seconds after the last line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_step = -1
        self._last_s = 0.0

    def show(self, snapshot: Snapshot) -> None:
        step = min(snapshot.percent, 99) // _PLAIN_STEP_PERCENT  # all done is told with how it ended
        due = snapshot.elapsed_s - self._last_s >= PLAIN_INTERVAL_S
        if not (snapshot.is_final or due or step > self._last_step):
            return
        self._last_step = max(step, self._last_step)
        self._last_s = snapshot.elapsed_s
        self._stream.write(plain_line(snapshot) + "\n")
        self._stream.flush()


class LiveDisplay:
    """The run redrawn in place, its clock going on between snapshots; the final picture stays on the screen."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._shown: tuple[Snapshot, float] | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._shown = snapshot, self._clock()

    @contextmanager
    def running(self) -> Iterator[LiveDisplay]:
        from rich.live import Live

        with Live(console=self._console, get_renderable=self._render, refresh_per_second=8):
            yield self

    def _render(self) -> RenderableType:
        from rich.text import Text

        if self._shown is None:
            return Text("starting …", style="dim")
        snapshot, at_s = self._shown
        gone_s = 0.0 if snapshot.is_final or not snapshot.elapsed_s else self._clock() - at_s
        return picture(replace(snapshot, elapsed_s=snapshot.elapsed_s + gone_s), gone_s)


def picture(snapshot: Snapshot, gone_s: float = 0.0) -> RenderableType:
    """The live view of one snapshot, made ``gone_s`` seconds ago."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from app.cli.grid import Grid

    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(one_line(snapshot.name), style="bold", overflow="ellipsis", no_wrap=True),
        ProgressBar(total=max(snapshot.total, 1), completed=snapshot.ended, width=40),
        Text(f"{snapshot.ended:,}/{snapshot.total:,}"),
        Text(clock_text(snapshot.elapsed_s), style="cyan"),
        Text(snapshot.status, style=_STATUS_STYLES.get(snapshot.status, "")),
    )
    lines: list[RenderableType] = [head, Text("  " + ", ".join(_states(snapshot)))]
    lines.append(Text("  " + ", ".join(_measures(snapshot)), style="dim"))
    if snapshot.cells:
        lines.append(Grid(snapshot.cells, snapshot.now, gone_s, snapshot.is_final))
    lines += [Text(f"  ✗ {failure}", style="red", overflow="ellipsis", no_wrap=True) for failure in snapshot.failures]
    return Group(*lines)


_STATUS_STYLES = {"completed": "green", "partial": "yellow", "failed": "red", "cancelled": "yellow"}


def plain_line(snapshot: Snapshot) -> str:
    """One line that says it all, for logs and pipes."""
    parts = [*_states(snapshot), *_measures(snapshot)]
    head = f"[{clock_text(snapshot.elapsed_s)}] {snapshot.ended:,}/{snapshot.total:,} done ({snapshot.percent} %)"
    tail = f" -- {snapshot.status}" if snapshot.is_final or snapshot.status != "running" else ""
    return f"{head}: {', '.join(parts)}{tail}"


def _states(snapshot: Snapshot) -> list[str]:
    """Running, queued and failed always, the rarer states only when some task is in one."""
    waiting = snapshot.queued + snapshot.waiting
    parts = [f"{snapshot.running:,} running", f"{waiting:,} waiting", f"{snapshot.failed:,} failed"]
    rare = (("retrying", snapshot.retrying), ("skipped", snapshot.skipped), ("cancelled", snapshot.cancelled))
    return parts + [f"{number:,} {name}" for name, number in rare if number]


def _measures(snapshot: Snapshot) -> list[str]:
    tokens = f"{count_text(snapshot.tokens_in)} tokens in, {count_text(snapshot.tokens_out)} out"
    taken = (("p50", snapshot.p50_ms), ("p95", snapshot.p95_ms), ("p99", snapshot.p99_ms))
    percentiles = " ".join(f"{name} {'-' if ms is None else duration_text(ms)}" for name, ms in taken)
    return [money_text(snapshot.cost_usd), tokens, percentiles, f"{snapshot.tasks_per_s:.1f} tasks/s"]


def clock_text(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration_text(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else clock_text(milliseconds / 1000)


def count_text(number: int) -> str:
    """Rounded to three digits from 10,000 on, since nobody reads the rest on the fly."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= 10 * size or (number >= size and unit != "k"):
            return f"{number / size:.1f}{unit}"
    return f"{number:,}"


def money_text(cost_usd: float) -> str:
    return f"${cost_usd:.2f}" if cost_usd == 0 or cost_usd >= 10 else f"${cost_usd:.4f}"
