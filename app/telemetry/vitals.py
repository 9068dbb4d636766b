"""Prometheus metrics of the process and its disk, read when they are asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app import __version__


class Vitals(Collector):
    """Args:
    data_dir: of this process.
    database: file of the database, whose log lies beside it; None where a server has it.
    """

    def __init__(self, data_dir: Path, database: Path | None, registry: CollectorRegistry) -> None:
        self._data_dir = data_dir if database is None else database.parent
        self._database = database
        ProcessCollector(registry=registry)
        registry.register(self)

    def describe(self) -> Sequence[Metric]:
        return []  # so that registering does not ask

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("swarmd_info", "Always 1", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        # Files that are gone, or not to be read, are for /readyz to tell; the other metrics are wanted all the same.
        with suppress(OSError):
            free = shutil.disk_usage(self._data_dir).free
            yield GaugeMetricFamily("swarmd_data_free_bytes", "Left on the disk of the data directory", value=free)
        if self._database is None:
            return
        with suppress(OSError):
            log = self._database.with_name(self._database.name + "-wal")
            size = self._database.stat().st_size + (log.stat().st_size if log.exists() else 0)
            yield GaugeMetricFamily("swarmd_database_bytes", "Size of the database and its log", value=size)
