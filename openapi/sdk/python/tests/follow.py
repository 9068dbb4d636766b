"""Prints a stream, a line of JSON each event: ``follow.py SERVICE_URL API_KEY swarm|agent ID [AFTER [PATIENCE_S]]``.

An orchestrator's ends with the process. ``tests/e2e/sdk`` cuts its connections and kills the service meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys

from swarmd_client import AuthenticatedClient, StreamLost, stream_agent, stream_swarm


def say(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


async def main(url: str, key: str, kind: str, of: str, after: str = "", patience_s: str = "60") -> None:
    client = AuthenticatedClient(base_url=url, token=key)
    follow = stream_agent if kind == "agent" else stream_swarm
    async with follow(client, of, after=after or None, patience_s=float(patience_s)) as stream:
        try:
            async for event in stream:
                say(event.to_dict())
        except StreamLost as lost:
            say({"lost": True, "after": lost.after})
        else:
            say({"ended": True})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
