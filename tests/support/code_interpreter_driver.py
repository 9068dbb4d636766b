"""Runs calls of the tool ``code_interpreter`` and prints what came of them, so that tests can do it as another user.

The job is JSON on standard input: root (a folder of its own) and calls (task and code of each), which are made at once.
Only the standard library and ``app.tools`` are needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any


async def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from app.ports.tools import ToolContext
    from app.tools.code_interpreter import CodeInterpreter

    job: dict[str, Any] = json.load(sys.stdin)
    async with CodeInterpreter(Path(job["root"])) as tool:
        calls = [
            tool.run(
                ToolContext(
                    tenant_id="tenant",
                    agent_id="agent",
                    swarm_id="swarm",
                    task_id=call["task"],
                    index=0,
                    sub_agent_id="sub-agent",
                    run_key=f"run {at}",
                ),
                {"code": call["code"]},
            )
            for at, call in enumerate(job["calls"])
        ]
        told = [result.content for result in await asyncio.gather(*calls)]
        json.dump({"uid": os.getuid(), "why_not": tool.unavailable(), "told": told}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
