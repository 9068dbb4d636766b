"""Showing a running swarm: a live picture on a terminal, sparse plain lines everywhere else. Always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from app.cli.watch import Snapshot

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAIN_INTERVAL_S = 2.0
_PLAIN_STEP_PERCENT = 10


class Display(Protocol):
    """Somewhere to show snapshots."""

    def show(self, snapshot: Snapshot) -> None: ...


@contextmanager
def display(*, enabled: bool = True, stream: TextIO | None = None) -> Iterator[Display]:
    """The display that fits the stream (default: stderr); ``enabled=False`` shows nothing."""
    target = stream if stream is not None else sys.stderr
    if not enabled:
        yield SilentDisplay()
    elif target.isatty():
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
        step = snapshot.percent // _PLAIN_STEP_PERCENT
        due = snapshot.elapsed_s - self._last_s >= PLAIN_INTERVAL_S
        if not (snapshot.is_final or due or step > self._last_step):
            return
        self._last_step = max(step, self._last_step)
        self._last_s = snapshot.elapsed_s
        self._stream.write(plain_line(snapshot) + "\n")
        self._stream.flush()


class LiveDisplay:
    """A bar, the numbers and the latest failures, redrawn in place; the final picture stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @contextmanager
    def running(self) -> Iterator[LiveDisplay]:
        from rich.live import Live

        with Live(console=self._console, get_renderable=self._render, refresh_per_second=8):
            yield self

    def _render(self) -> RenderableType:
        from rich.text import Text

        return Text("starting …", style="dim") if self._snapshot is None else picture(self._snapshot)


def picture(snapshot: Snapshot) -> RenderableType:
    """The live view of one snapshot."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(snapshot.name, style="bold", overflow="ellipsis", no_wrap=True),
        ProgressBar(total=max(snapshot.total, 1), completed=snapshot.ended, width=40),
        Text(f"{snapshot.ended:,}/{snapshot.total:,}"),
        Text(clock_text(snapshot.elapsed_s), style="cyan"),
        Text(snapshot.status, style=_STATUS_STYLES.get(snapshot.status, "")),
    )
    lines: list[RenderableType] = [head, Text("  " + ", ".join(_states(snapshot)))]
    lines.append(Text("  " + ", ".join(_measures(snapshot)), style="dim"))
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
    p95 = "p95 -" if snapshot.p95_ms is None else f"p95 {duration_text(snapshot.p95_ms)}"
    return [money_text(snapshot.cost_usd), tokens, p95]


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
