"""A model whose answers a test directs task by task, while the run goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from app.ports.provider import Refused
from tests.support.providers import Call, ScriptedProvider

DEADLINE_S = 30.0


class Stage:
    """Answers at once, but for the tasks that were told otherwise; ``provider`` is what the service is given."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider(self._act)
        self._held: dict[str, asyncio.Event] = {}
        self._said: dict[str, str | Exception] = {}

    def hold(self, *task_ids: str) -> None:
        """Let these tasks run until they are released."""
        for task_id in task_ids:
            self._held[task_id] = asyncio.Event()

    def release(self, *task_ids: str) -> None:
        for task_id in task_ids:
            self._held.pop(task_id).set()

    @property
    def held(self) -> list[str]:
        """Tasks that will run until they are released."""
        return list(self._held)

    def say(self, task_id: str, text: str) -> None:
        self._said[task_id] = text

    def fail(self, *task_ids: str, error: Exception | None = None) -> None:
        """Let these tasks fail; without ``error`` in a way that no retry mends."""
        for task_id in task_ids:
            self._said[task_id] = error or Refused("refused by the stage", status=400)

    def call(self, task_id: str) -> Call:
        """The newest call for a task."""
        return [call for call in self.provider.calls if call.task_id == task_id][-1]

    def order(self, prefix: str) -> list[str]:
        """Tasks whose id begins with ``prefix``, in the order their calls arrived."""
        return [task_id for task_id in self.provider.asked if task_id.startswith(prefix)]

    async def until_running(self, *task_ids: str) -> None:
        """Return once all of these are under way."""
        async with asyncio.timeout(DEADLINE_S):
            while not set(task_ids) <= set(self.provider.running):
                await asyncio.sleep(0.002)

    async def until_asked(self, *task_ids: str) -> None:
        """Return once a call for each of these has arrived."""
        async with asyncio.timeout(DEADLINE_S):
            while not set(task_ids) <= set(self.provider.asked):
                await asyncio.sleep(0.002)

    async def _act(self, call: Call) -> str | None:
        held = self._held.get(call.task_id)
        if held is not None:
            await held.wait()
        said = self._said.get(call.task_id)
        if isinstance(said, Exception):
            raise said
        return said


def accepted(response: httpx2.Response, status: int = 200) -> Any:
    """The body of an answer, which has the status that was expected."""
    assert response.status_code == status, response.text
    return response.json()


def pointers(response: httpx2.Response, status: int = 422) -> list[str]:
    """The fields that a problem document complains of."""
    document = response.json()
    assert response.status_code == status, document
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    return [error["pointer"] for error in document.get("errors", [])]
