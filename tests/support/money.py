"""Runs with prices for tests of the pure core: figures that can be worked out by hand."""

from __future__ import annotations

from typing import Any

from app.domain.budget import Budget
from app.domain.swarm import SwarmSpec, SwarmState
from app.domain.task import TaskSpec
from app.domain.usage import Price, Usage
from tests.support.book import new_run

PRICE = Price(input_nano_per_mtok=1_000_000_000, output_nano_per_mtok=10_000_000_000)
"""1,000 nano-dollars a token of prompt, 10,000 of completion."""

PROMPT = 2 + 12 + 128
"""Tokens: the payload ``{}``, an id of one byte, the words around."""

OUTPUT = 50
CALL = PROMPT * 1_000 + OUTPUT * 10_000
"""Worst case of a call, in nano-dollars: 642,000."""

CALL_TOKENS = PROMPT + OUTPUT


def priced(*tasks: TaskSpec, budget: Budget | None, price: Price | None = PRICE, **fields: Any) -> SwarmState:
    spec = SwarmSpec(agent_id="agt_01", max_output_tokens=OUTPUT, budget=budget, **fields)
    state = new_run(spec, tasks)
    state.prices[None] = price
    return state


def bill(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """The ``usage`` and ``cost_nano_usd`` of an outcome."""
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return {"usage": usage, "cost_nano_usd": PRICE.cost_nano_usd(usage)}


# --- over HTTP -------------------------------------------------------------------------------------------------------

OFFLINE_PRICE = {"offline": {"input_per_mtok": 1, "output_per_mtok": 10}}
TASK = {"max_output_tokens": OUTPUT}
TASK_CALL = (len('{"max_output_tokens":50}') + 2 * 12 + 128) * 1_000 + OUTPUT * 10_000
"""Worst case of a call for ``TASK`` with an id of two bytes: 676,000 nano-dollars."""

TASK_BILL = 10 * 1_000 + 2 * 10_000
"""What ``ScriptedProvider`` uses: 10 + 2 tokens."""


def usd_of(nano_usd: int) -> float:
    return nano_usd / 10**9
