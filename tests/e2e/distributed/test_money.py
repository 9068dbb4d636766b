"""Two services on one database spend from one account: the budget of a key, the prepaid credits of a tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.services.keys import KeyService
from app.storage.engine import open_accounts
from app.telemetry.system import SystemClock, SystemEntropy
from tests.support.accounts import ALL_SCOPES, bearer
from tests.support.cluster import Cluster, cluster, independent
from tests.support.service import poll
from tests.support.stage import accepted

pytestmark = pytest.mark.long

PRICE = {"mock": {"input_per_mtok": 1, "output_per_mtok": 10}}
MONEY_USD = Decimal("0.02")
LEASE_S = 3.0
CALL = {"max_output_tokens": 50}
"""A call may cost 0.0007 dollars, and costs a fifth of that."""


@dataclass
class Bank:
    """The services, as whoever pays sees them."""

    nodes: Cluster
    clients: list[httpx2.Client]

    def run(self, tasks: int, *, node: int) -> str:
        wanted = [task | CALL for task in independent(tasks)]
        answer = self.clients[node].post("/v1/swarms", json={"tasks": wanted, "limits": {"max_parallel_agents": 30}})
        return str(accepted(answer, 201)["swarm_id"])

    def chat(self, *, node: int) -> int:
        """Make a call of the gateway; return the status."""
        message = {"role": "user", "content": "Say what it costs."}
        body = {"model": "mock", "messages": [message], "max_tokens": 50}
        return self.clients[node].post("/v1/chat/completions", json=body).status_code

    def spent_usd(self) -> list[Decimal]:
        """What was billed, or is lost and may have cost so much, by day."""
        days = accepted(self.clients[0].get("/v1/usage", params={"group_by": "day"}))["items"]
        return [Decimal(str(day["cost_usd"])) + Decimal(str(day["unsettled_cost_usd"])) for day in days]

    def until_used_up(self, runs: list[str], reason: str, money: Decimal) -> None:
        """Wait until what is left pays for no further call: runs have ended, or wait for more of it."""

        def is_used_up() -> bool:
            found = [accepted(self.clients[0].get(f"/v1/swarms/{swarm_id}")) for swarm_id in runs]
            waiting = [run for run in found if not run["ended_at"]]
            return bool(waiting) and all(
                (run["pause_reason"], run["counts"]["running"]) == (reason, 0) for run in waiting
            )

        enough = money * Decimal("0.85")
        poll(
            lambda: is_used_up() and sum(self.spent_usd()) > enough,
            deadline_s=60,
            every_s=0.2,
            what=f"the end: {reason}",
        )


@contextmanager
def bank(folder: Path, *flags: str, **limits: Any) -> Iterator[Bank]:
    """Two services that do the calls themselves, and a key with these limits."""
    lease = ("--lease-s", str(LEASE_S))
    with ExitStack() as stack:
        nodes = stack.enter_context(cluster(folder, workers=0, local_agents=60, latency_ms=60, flags=(*flags, *lease)))
        secret = asyncio.run(_mint(nodes.database_url, **limits))
        clients = [stack.enter_context(serve.client()) for serve in nodes.serves]
        for client in clients:
            poll(lambda: client.get("/v1/keys").status_code == 401, what="that keys are asked for")  # noqa: B023 - at once
            client.headers.update(bearer(secret))
        accepted(clients[0].put("/v1/prices", json=PRICE))
        yield Bank(nodes, clients)


async def _mint(url: str, **limits: Any) -> str:
    async with open_accounts(url) as accounts:
        service = KeyService(accounts.keys, SystemClock(), SystemEntropy())
        _, secret = await service.create("default", "test", ALL_SCOPES, **limits)
    return secret


def test_two_nodes_spend_the_budget_of_a_key_and_no_more(tmp_path: Path) -> None:
    with bank(tmp_path, max_cost_per_day_usd=MONEY_USD) as found, ThreadPoolExecutor(8) as pool:
        runs = [found.run(300, node=number % 2) for number in range(4)]
        chats = list(pool.map(lambda number: found.chat(node=number % 2), range(40)))

        found.until_used_up(runs, "key_budget", MONEY_USD)

        assert max(found.spent_usd()) <= MONEY_USD
        assert set(chats) <= {200, 429}
        assert not found.nodes.open_calls()


def test_two_nodes_spend_the_credits_of_a_tenant_and_no_more_though_one_is_killed(tmp_path: Path) -> None:
    """What a node had under way that is killed may have cost its most: it is spent, and nothing else is lost."""
    with bank(tmp_path, "--credits") as found:
        top_up: dict[str, Any] = {"tenant_id": "default", "amount_usd": str(MONEY_USD), "reference": "1"}
        accepted(found.clients[0].post("/v1/credits", json=top_up), 201)
        runs = [found.run(300, node=number % 2) for number in range(4)]
        poll(lambda: sum(found.spent_usd()) > MONEY_USD / 4, deadline_s=60, what="a quarter of it")
        found.nodes.serves[1].kill()

        found.until_used_up(runs, "credits", MONEY_USD)

        assert sum(found.spent_usd()) <= MONEY_USD
        more = MONEY_USD / 4
        accepted(found.clients[0].post("/v1/credits", json=top_up | {"amount_usd": str(more), "reference": "2"}), 201)
        found.until_used_up(runs, "credits", MONEY_USD + more)
        assert sum(found.spent_usd()) <= MONEY_USD + more
