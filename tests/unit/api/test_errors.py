"""Every failure is a problem document; a bug tells nothing but that it is in the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, HTTPException
from structlog.testing import capture_logs

from app.api import errors
from app.domain.errors import (
    Conflict,
    CycleError,
    InvalidRequest,
    NotFound,
    StoreUnavailable,
    SwarmdError,
)

pytestmark = pytest.mark.anyio


async def answer(failure: Exception) -> httpx2.Response:
    app = FastAPI()
    errors.install(app, lambda path: None)

    @app.get("/fail/{number}")
    async def fail(number: int) -> None:
        raise failure

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.get("/fail/7")


@pytest.mark.parametrize(
    ("failure", "status", "code", "pointers"),
    [
        (InvalidRequest.field("/tasks/0", "wrong"), 422, "invalid_request", ["/tasks/0"]),
        (CycleError(["a", "b", "a"], "/tasks/0/depends_on"), 422, "dependency_cycle", ["/tasks/0/depends_on"]),
        (NotFound("swarm", "swm_1"), 404, "not_found", None),
        (Conflict("it runs"), 409, "conflict", None),
        (StoreUnavailable("the disk is full"), 503, "store_unavailable", None),
        (HTTPException(405, "No", {"Allow": "GET"}), 405, "method_not_allowed", None),
        (HTTPException(418, "teapot"), 418, "error", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_an_expected_error_is_a_problem(
    failure: Exception, status: int, code: str, pointers: list[str] | None
) -> None:
    response = await answer(failure)

    errors.Problem.model_validate_json(response.content)
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["instance"] == "/fail/7"
    assert document["type"] == f"urn:swarmd:problem:{code}"
    assert [error["pointer"] for error in document.get("errors", [])] == (pointers or [])


async def test_an_unavailable_store_says_when_to_come_back() -> None:
    assert int((await answer(StoreUnavailable("full"))).headers["retry-after"]) > 0


async def test_headers_of_an_http_error_are_kept() -> None:
    assert (await answer(HTTPException(405, "No", {"Allow": "GET"}))).headers["allow"] == "GET"


@pytest.mark.parametrize("bug", [ValueError("a secret at /home/x"), SwarmdError("unmapped"), KeyError("sk-key")])
async def test_a_bug_is_logged_and_tells_nothing(bug: Exception) -> None:
    with capture_logs() as logs:
        response = await answer(bug)

    assert response.status_code == 500
    if not isinstance(bug, SwarmdError):
        assert "secret" not in response.text
        assert "sk-key" not in response.text
        assert response.headers["connection"] == "close"
        [entry] = [log for log in logs if log["event"] == "request_crashed"]
        assert entry["exc_info"] is bug


def test_every_documented_status_has_a_title() -> None:
    build: Callable[..., dict[int | str, dict[str, Any]]] = errors.responses

    described = build(400, 401, 402, 403, 404, 409, 412, 413, 422, 429, 500, 502, 503, 504)

    assert all(entry["description"] != "Error" for entry in described.values())
