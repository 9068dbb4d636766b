"""An audit that looked nothing up never passes as done."""

import subprocess

import pytest

from scripts.lib import audit

CLEAN: dict[str, object] = {"name": "fine", "version": "1.0", "vulns": []}
SKIPPED: dict[str, object] = {"name": "unknown", "skip_reason": "Dependency not found and could not be audited"}
VULNERABLE: dict[str, object] = {
    "name": "holed",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": []}],
}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([CLEAN], audit.CLEAN, "1 packages, no known vulnerability"),
        ([CLEAN, VULNERABLE], audit.VULNERABLE, "holed 2.0: PYSEC-1, fixed in 2.1"),
        ([SKIPPED, VULNERABLE], audit.VULNERABLE, "PYSEC-1"),
        ([CLEAN, SKIPPED], audit.NOT_DONE, "could not be reached, NOT done (1 of 2 packages not looked up)"),
        ([], audit.NOT_DONE, "NOT done"),
    ],
)
def test_the_report_decides(
    packages: list[dict[str, object]], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.report(packages) == status
    assert words in capsys.readouterr().out


def test_an_unreachable_service_is_told_from_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr="Traceback\nConnectionError: no route")

    monkeypatch.setattr(subprocess, "run", fails)

    assert audit.main("requirements.lock") == audit.NOT_DONE
    assert "NOT done (ConnectionError: no route)" in capsys.readouterr().out
