"""Row 14: many sub-agents that call tools, beside the longest one's own calls, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmarks.bench import LATENCY_S, Bench
from scripts.benchmarks.findings import Finding, Goal, Row
from scripts.benchmarks.service import Run, Service
from scripts.benchmarks.swarm_bodies import swarm, task
from scripts.benchmarks.tool_calling_model import TOOL, tool_calling_model


def _calls_by_agent(agents: int, steps: int) -> list[int]:
    """How many model calls each sub-agent makes, so that all together are ``steps``: as even as can be."""
    each, more = divmod(steps, agents)
    return [each + (index < more) for index in range(agents)]


def _body(calls: Sequence[int]) -> bytes:
    tasks = [task(index) | {"tools": [TOOL], "max_steps": count} for index, count in enumerate(calls)]
    return swarm(tasks, len(tasks))


async def _run(service: Service, body: bytes, steps: int) -> Run:
    """Run the swarm.

    Raises:
        ProcessFailure: it took another number of steps, so not every tool call led to another model call.
    """
    run = await service.run(body)
    [newest] = (await service.get("/v1/swarms?limit=1"))["items"]
    if newest["steps"] != steps:
        raise service.child.failure(f"made {newest['steps']} steps instead of {steps}")
    return run


async def _measure(bench: Bench) -> Sequence[Finding]:
    steps, agents = bench.size(4_000, 400), bench.size(300, 80)
    calls = _calls_by_agent(agents, steps)
    body = _body(calls)
    chains, runs = [], []
    async with (
        tool_calling_model(bench.children, LATENCY_S) as model,
        bench.floor(model) as floor,
        bench.service(model) as service,
    ):
        for index in range(bench.runs + 1):
            chain = await floor.burst(max(calls), 1)
            run = await _run(service, body, steps)
            if index:
                chains.append(chain.wall_s)
                runs.append(run)
    what, reference = f"{steps:,} steps, {agents} sub-agents", "longest chain"
    return [
        Finding(
            what=f"{what}: POST to answer",
            unit="s",
            values=[run.wall_s for run in runs],
            references=chains,
            reference=reference,
            goal=Goal(1.25, of_ratio=True),
        ),
        Finding(
            what=f"{what}: ends of the swarm",
            unit="s",
            values=[run.own_s for run in runs],
            references=chains,
            reference=reference,
        ),
        Finding(what="CPU a step, its tool run included", unit="ms", values=[run.cpu_s / steps * 1000 for run in runs]),
    ]


ROWS = (
    Row(
        number=14,
        title="4,000 steps over 300 sub-agents with tool calls",
        measure=_measure,
        how=f"steps are model calls; each but a sub-agent's last calls {TOOL}, so each tool run is a durable write, "
        "journaled as the call before it. The longest chain is that of a sub-agent with 14 calls: as many calls of the "
        "floor, one after the other, without any tools",
    ),
)
