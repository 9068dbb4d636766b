"""Swarms that share memory, messages and files, as clients see them."""

from __future__ import annotations

from typing import Any

import httpx2

from app.api.deps import Services
from app.domain.ids import sub_agent_id
from app.ports.tools import ToolContext


def services_of(client: httpx2.AsyncClient) -> Services:
    """The services behind a client of ``in_process``: what the tools of its sub-agents are handed."""
    services: Services = client._transport.app.state.services  # type: ignore[attr-defined]
    return services


async def ended_swarm(client: httpx2.AsyncClient, *task_ids: str) -> dict[str, Any]:
    """A run of these tasks that has ended."""
    response = await client.post("/v1/swarms?wait=30", json={"tasks": [{"id": task_id} for task_id in task_ids]})
    assert response.status_code == 201, response.text
    swarm: dict[str, Any] = response.json()
    return swarm


def context(swarm_id: str, index: int = 0, run_key: str = "call 1", agent_id: str = "agt_a") -> ToolContext:
    """Task ``t<index>``'s."""
    return ToolContext(
        tenant_id="default",
        agent_id=agent_id,
        swarm_id=swarm_id,
        task_id=f"t{index}",
        index=index,
        sub_agent_id=sub_agent_id(swarm_id, index),
        run_key=run_key,
        tools=("code_interpreter", "file_reader"),
    )
