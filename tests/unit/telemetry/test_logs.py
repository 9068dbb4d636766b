"""Logs: what may stand in them, and what is no news."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.telemetry import logs

DENIED = "ASGI callable returned without completing handshake."


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    handlers, level, filters = root.handlers[:], root.level, server.filters[:]
    of_structlog = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    server.filters[:] = filters
    structlog.configure(**of_structlog)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [str(json.loads(line)["event"]) for line in capsys.readouterr().err.splitlines()]


def test_a_refused_handshake_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly that record is left out: others of the server, and the same words elsewhere, are logged."""
    for _ in range(2):
        logs.configure("info", "json")
    server = logging.getLogger("uvicorn.error")
    server.error(DENIED)
    server.error("ASGI callable should return None, but returned '%s'.", 1)
    server.error("Exception in ASGI application\n")
    logging.getLogger("other").error(DENIED)

    assert lines(capsys) == [
        "ASGI callable should return None, but returned '1'.",
        "Exception in ASGI application\n",
        DENIED,
    ]
    assert len(server.filters) == 1


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_holds_no_local_variables(capsys: pytest.CaptureFixture[str], style: str) -> None:
    """Log lines carry ids, counts and error names; never prompts, outputs, keys or request bodies."""
    logs.configure("info", style)

    def crash(prompt: str) -> None:
        key = "sk-" + "very-secret"
        raise ValueError(f"wrong {len(prompt + key)}")

    try:
        crash("a private" + " prompt")
    except ValueError:
        structlog.get_logger("ours").exception("crashed")
        logging.getLogger("theirs").exception("crashed too")

    text = capsys.readouterr().err
    assert text.count("ValueError") >= 2
    assert "wrong 30" in text
    assert "private prompt" not in text
    assert "sk-very-secret" not in text
