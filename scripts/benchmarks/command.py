"""The command line: which rows, how often, where the numbers go."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import orjson

from scripts.benchmarks import machine, report
from scripts.benchmarks.bench import Bench, Options
from scripts.benchmarks.findings import Row
from scripts.benchmarks.processes import Children, ProcessFailure
from scripts.benchmarks.report import Measured
from scripts.benchmarks.rows import all_rows

_OPEN_FILES = 20_000
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return 0 when all were measured (goals missed or not), 1 when a row could not be."""
    parser = _parser()
    given = parser.parse_args(arguments)
    rows = all_rows()
    if given.list:
        for row in rows.values():
            print(f"{row.number:>3}  {row.title}")
        return 0
    unknown = sorted(set(given.rows or ()) - set(rows))
    if unknown:
        parser.error(f"no row {', '.join(map(str, unknown))}; there are {', '.join(map(str, rows))}")
    chosen = [rows[number] for number in given.rows or rows]
    options = Options(runs=given.runs, quick=given.quick, data_root=given.data_root)
    _raise_open_files()
    with tempfile.TemporaryDirectory(prefix="swarmd-bench-logs-", ignore_cleanup_errors=True) as folder:
        children = Children(Path(folder))
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                return runner.run(_run(Bench(options, children), chosen, given.json))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("interrupted; everything that was started is stopped", file=sys.stderr)
            return EXIT_INTERRUPTED
        except ProcessFailure as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 1
        finally:
            children.kill_all()


async def _run(bench: Bench, rows: Sequence[Row], json_file: Path | None) -> int:
    this = asyncio.current_task()
    assert this is not None
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    described = await asyncio.to_thread(machine.describe, bench.options.data_root)
    call = await bench.model_call()
    capacity = await bench.model_capacity()
    model = f"{bench.model_kind}, {capacity:,.0f} requests/s or more without its delay"
    print(report.head(described, model, len(call.body), bench.runs), flush=True)
    done: list[Measured] = []
    for row in rows:
        done.append(await _measure(bench, row))
        print("\n" + report.row_text(done[-1]), flush=True)
        if json_file is not None:  # after every row, so that an interrupted run leaves what it has
            result = report.as_json(described, bench.model_kind, capacity, done)
            await asyncio.to_thread(_write_json, json_file, result)
    goals = [finding.met for measured in done for finding in measured.findings if finding.met is not None]
    failed = [measured.row.number for measured in done if measured.error is not None]
    print(f"\n{sum(goals)} of {len(goals)} goals met" + (f"; rows that failed: {failed}" if failed else ""))
    return 1 if failed else 0


def _write_json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


async def _measure(bench: Bench, row: Row) -> Measured:
    others, began = machine.OthersShare(), time.perf_counter()
    try:
        findings, error = await row.measure(bench), None
    except (ProcessFailure, aiohttp.ClientError, OSError, TimeoutError) as exc:
        findings, error = [], f"{type(exc).__name__}: {exc}"
    elapsed_s = time.perf_counter() - began
    return Measured(row=row, findings=findings, others=others.share(), elapsed_s=elapsed_s, error=error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the service beside the least that a client could do, on this machine, and print ratios.",
        epilog="All rows take about ten minutes. Nothing leaves this machine and no real model is called.",
    )
    parser.add_argument("--rows", type=_numbers, metavar="N,N", help="rows to run, e.g. 1,2,12 (default: all)")
    parser.add_argument("--runs", type=_positive, default=3, metavar="N", help="runs of each measurement (default: 3)")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that a row works, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every value of every run to FILE")
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="directory for databases, on a real disk (default: temporary)"
    )
    parser.add_argument("--list", action="store_true", help="list the rows and end")
    return parser


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between, got {text!r}") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)


def _raise_open_files() -> None:
    """A thousand agents are a thousand sockets, twice; many shells start with a limit of 1,024 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ModuleNotFoundError:  # not built for Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop
