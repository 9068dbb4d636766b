"""What operators are told of the process and its disk."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from app import __version__
from app.telemetry.vitals import Vitals


def test_the_database_counts_with_its_log(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Vitals(tmp_path, tmp_path / "swarmd.db", registry)
    (tmp_path / "swarmd.db").write_bytes(b"x" * 300)
    (tmp_path / "swarmd.db-wal").write_bytes(b"x" * 50)

    assert registry.get_sample_value("swarmd_database_bytes") == 350
    assert registry.get_sample_value("swarmd_info", {"version": __version__}) == 1
    assert (registry.get_sample_value("swarmd_data_free_bytes") or 0) > 0
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 0


def test_files_that_are_not_there_take_no_other_metric_with_them(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Vitals(tmp_path, tmp_path / "gone" / "swarmd.db", registry)

    assert registry.get_sample_value("swarmd_database_bytes") is None
    assert registry.get_sample_value("swarmd_data_free_bytes") is None
    assert registry.get_sample_value("swarmd_info", {"version": __version__}) == 1
