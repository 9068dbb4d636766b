"""The message bus under load: 300 sub-agents that send 100 messages each, by their tools (contract, section 6)."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from app.dispatch.local import LocalDoorbell
from app.domain.ids import sub_agent_id
from app.ports.messages import QueueCaps
from app.ports.tools import ToolContext
from app.services.messages import MessageService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock
from app.tools.messages import ReceiveMessages, SendMessage
from tests.support.databases import place_database
from tests.support.runs import new_swarm

pytestmark = pytest.mark.anyio

AGENTS, MESSAGES, LIMIT_S = 300, 100, 60.0


async def test_300_agents_send_100_messages_each_and_none_is_lost_or_out_of_order(tmp_path: Path) -> None:
    """Every agent sends to three others in turn, and receives in batches while they send."""
    swarm = new_swarm({f"t{index}": [] for index in range(AGENTS)})
    swarm_id = swarm.state.swarm_id
    received: list[list[tuple[str, int]]] = [[] for _ in range(AGENTS)]

    def context(index: int, run: str) -> ToolContext:
        return ToolContext(
            tenant_id="default",
            agent_id="agt_default",
            swarm_id=swarm_id,
            task_id=f"t{index}",
            index=index,
            sub_agent_id=sub_agent_id(swarm_id, index),
            run_key=f"{index}:{run}",
        )

    async with open_database(place_database(tmp_path / "x.db")) as database:
        await database.swarms.create(swarm)
        bus = MessageService(database.messages, LocalDoorbell(), SystemClock(), QueueCaps())
        send, receive = SendMessage(bus), ReceiveMessages(bus)

        async def sender(index: int) -> None:
            for number in range(MESSAGES):
                to = f"t{(index + 1 + number % 3) % AGENTS}"
                await send.run(context(index, f"send {number}"), {"to": to, "message": {"n": number}})

        async def receiver(index: int) -> None:
            calls = 0
            while len(received[index]) < MESSAGES:
                calls += 1
                said: Any = json.loads((await receive.run(context(index, f"receive {calls}"), {"wait_s": 30})).content)
                received[index] += [(message["from"], message["message"]["n"]) for message in said["messages"]]

        began = time.monotonic()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*map(sender, range(AGENTS)), *map(receiver, range(AGENTS)))
        took_s = time.monotonic() - began

    print(f"{AGENTS * MESSAGES} messages in {took_s:.1f} s")
    for index, messages in enumerate(received):
        senders = [(index - back) % AGENTS for back in (1, 2, 3)]
        expected = {
            sub_agent_id(swarm_id, sender): [n for n in range(MESSAGES) if n % 3 == (index - sender - 1) % AGENTS]
            for sender in senders
        }
        by_sender: dict[str, list[int]] = {}
        for name, number in messages:
            by_sender.setdefault(name, []).append(number)
        assert by_sender == expected
