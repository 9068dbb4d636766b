"""Where it was measured: versions, processor, disk, and how much of it others used meanwhile."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

from app import __version__

_PACKAGES = ("aiohttp", "fastapi", "orjson", "pydantic", "sqlalchemy", "uvicorn", "uvloop")
_FSYNCS = 50


def describe(data_root: Path | None) -> dict[str, Any]:
    """Versions and hardware; ``data_root`` is where the databases will be."""
    root = data_root or Path(tempfile.gettempdir())
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "swarmd": __version__,
        **{name: _version(name) for name in _PACKAGES},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": os.getloadavg()[0],
        "data_root": str(root),
        "file_system": _file_system(root),
        "fsync_ms": round(_fsync_ms(root), 3),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _file_system(root: Path) -> str:
    """``tmpfs`` here would mean that nothing was really made durable."""
    real = str(root.resolve())
    mounts = [part for part in psutil.disk_partitions(all=True) if real.startswith(part.mountpoint)]
    return str(max(mounts, key=lambda part: len(part.mountpoint)).fstype) if mounts else "unknown"


def _fsync_ms(root: Path) -> float:
    """Median of appending 4 KiB and making it durable."""
    times = []
    with tempfile.TemporaryFile(dir=root) as file:
        for _ in range(_FSYNCS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


class OthersShare:
    """How much of the machine other people's processes used since this was made.

    Only children that have ended meanwhile count as ours, so every child must be started and stopped in between.
    """

    def __init__(self) -> None:
        self._busy, self._idle = self._machine()
        self._ours = self._own()

    def share(self) -> float:
        """0 to 1 of all cores."""
        busy, idle = self._machine()
        total = busy - self._busy + idle - self._idle
        others = busy - self._busy - (self._own() - self._ours)
        return max(others, 0.0) / total if total > 0 else 0.0

    @staticmethod
    def _machine() -> tuple[float, float]:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        counted = times.user + times.system + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0)
        soft = getattr(times, "softirq", 0.0) + getattr(times, "irq", 0.0)
        return counted + soft, idle

    @staticmethod
    def _own() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system
