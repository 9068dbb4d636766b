"""Runs whose tasks call tools, over HTTP: models for them, and what a test looks at."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.stage import accepted
from tests.support.tools import ToolUser, answer_of, calling

WITH = {"tools": ["probe"]}


def once(*names: str) -> ToolUser:
    """A model that calls each of these, then answers."""
    return ToolUser(answer_of(*(calling(name, {"n": at}, f"c{at}") for at, name in enumerate(names or ("probe",)))))


def ever(name: str = "probe") -> ToolUser:
    """A model that never stops calling."""
    return ToolUser(*([answer_of(calling(name))] * 100))


async def events_of(client: httpx2.AsyncClient, at: str, kind: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = accepted(await client.get(f"{at}/events", params={"limit": 1000}))["items"]
    return [event for event in found if kind in {None, event["type"]}]


def at_of(found: dict[str, Any]) -> str:
    return f"/v1/swarms/{found['swarm_id']}"


def output_of(found: dict[str, Any]) -> Any:
    [output] = found["results"]["outputs"]
    return output["output"]


def error_of(found: dict[str, Any]) -> dict[str, Any]:
    [output] = found["results"]["outputs"]
    error: dict[str, Any] = output["error"]
    return error
