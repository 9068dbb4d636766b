"""The record of a running service is a hint: absent, stale or damaged, it costs nothing."""

import json
import os
from pathlib import Path

import pytest

from app.cli import service_record


def test_what_is_written_is_read_and_removed(tmp_path: Path) -> None:
    service_record.write(tmp_path, "http://127.0.0.1:1")

    assert service_record.read(tmp_path) == "http://127.0.0.1:1"
    service_record.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_process_s_record_stays(tmp_path: Path) -> None:
    record = {"url": "http://127.0.0.1:2", "pid": os.getpid() + 1}
    (tmp_path / "service.json").write_text(json.dumps(record))

    service_record.remove(tmp_path)

    assert service_record.read(tmp_path) == "http://127.0.0.1:2"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": 5}'])
def test_a_damaged_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "service.json").write_text(text)

    assert service_record.read(tmp_path) is None
    service_record.remove(tmp_path)


def test_a_directory_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    service_record.write(tmp_path / "absent", "http://127.0.0.1:1")
    service_record.remove(tmp_path / "absent")

    assert service_record.read(tmp_path / "absent") is None
