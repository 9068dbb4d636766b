"""Tools run as the executor runs them, and what the model is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.outputs.json_schema import JsonSchemas
from app.ports.tools import ToolContext
from app.scheduler.tool_runner import ToolRunner
from app.tools.registry import Registry

CONTEXT = ToolContext(
    tenant_id="tnt_1",
    agent_id="agt_1",
    swarm_id="swm_1",
    task_id="t3",
    index=3,
    sub_agent_id="swm_1/3",
    run_key="swm_1/3/5",
)


def call(name: str = "probe", arguments: str = '{"n":1}', call_id: str = "c1") -> dict[str, str]:
    return {"id": call_id, "name": name, "arguments": arguments}


def runner(*tools: Any) -> ToolRunner:
    return ToolRunner(Registry(tools), JsonSchemas())


async def answers(
    tools: Sequence[Any],
    *calls: Mapping[str, str],
    allowed: Sequence[str] | None = None,
    within_s: float = 60.0,
) -> dict[str, str]:
    names = [tool.spec.name for tool in tools] if allowed is None else allowed
    async with asyncio.timeout(30):
        return await runner(*tools).run_all(CONTEXT, names, calls, within_s)


async def answer(tool: Any, arguments: str = '{"n":1}') -> str:
    found = await answers([tool], call(tool.spec.name, arguments))
    return found["c1"]
