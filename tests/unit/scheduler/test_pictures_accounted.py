"""What a task with images may cost, and where it goes while its model is down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.domain import spending
from app.domain.budget import Budget
from app.domain.facts import Rerouted
from app.domain.parts import PartTokens
from app.domain.swarm import SwarmSpec, SwarmState
from app.domain.task import TaskSpec
from app.domain.usage import Price
from app.ports.provider import Route
from app.scheduler.routing import Routing
from tests.support.book import new_run
from tests.support.providers import ScriptedProvider

pytestmark = pytest.mark.anyio

PRICE = Price(input_nano_per_mtok=1_000_000_000, output_nano_per_mtok=1_000_000_000)  # 1,000 nano-dollars a token
BOUNDS = {"seer": PartTokens(image=4_000, video=90_000), "blind": PartTokens(), "other": PartTokens(image=7_000)}
READS = {"seer": True, "blind": False, "other": None}


class Table:
    """Models, one of which reads text only (``ports.provider.Models``)."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider()

    async def resolve(self, requested: str | None) -> Route:
        name = requested or "seer"
        return Route(
            requested=name,
            provider=self.provider,
            model=name,
            price=PRICE,
            vision=READS[name],
            part_tokens=BOUNDS[name],
        )

    async def names(self) -> Sequence[str]:
        return list(BOUNDS)


def payload(*urls: str) -> str:
    parts: list[dict[str, Any]] = [{"type": "text", "text": "Look."}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return json.dumps({"prompt": parts}, separators=(",", ":"))


def run(*tasks: TaskSpec, pictures: bool = True) -> SwarmState:
    spec = SwarmSpec(agent_id="agt_01", budget=Budget(max_tokens=10**9), max_output_tokens=100, pictures=pictures)
    return new_run(spec, list(tasks))


async def worst(task: TaskSpec) -> int:
    state = run(task)
    await Routing(Table(), {}).look_up(state)
    return spending.worst_case_of(state, state.tasks[0]).prompt_tokens


async def test_a_call_is_reserved_for_by_the_bound_of_its_model_for_each_image() -> None:
    words = TaskSpec(task_id="a", requested_model="seer", payload='{"prompt":"Look.\\n[image_url]\\n[image_url]"}')
    seen = TaskSpec(task_id="a", requested_model="seer", payload=payload("https://a.example", "fil_1"))

    assert await worst(seen) == await worst(words) + 3 * 16 + 2 * 4_000
    assert await worst(replace(seen, requested_model="other")) == await worst(words) + 3 * 16 + 2 * 7_000


async def test_the_bytes_of_an_image_are_no_tokens() -> None:
    small = TaskSpec(task_id="a", requested_model="seer", payload=payload("data:image/png;base64,AAAA"))
    large = TaskSpec(task_id="a", requested_model="seer", payload=payload("data:image/png;base64," + "A" * 900_000))

    assert await worst(small) == await worst(large)


async def test_a_model_that_was_not_looked_up_is_taken_for_the_dearest() -> None:
    state = run(TaskSpec(task_id="a", payload=payload("https://a.example")))

    assert spending.worst_case_of(state, state.tasks[0]).prompt_tokens > 49_152


async def test_a_text_only_model_never_stands_in_for_a_run_with_images() -> None:
    fallbacks = {"seer": ["blind", "other"]}
    task = TaskSpec(task_id="a", requested_model="seer", lane="offline/seer", payload=payload("https://a.example"))

    found = await Routing(Table(), fallbacks).detours(run(task), frozenset({"offline/seer"}))
    plain = await Routing(Table(), fallbacks).detours(run(task, pictures=False), frozenset({"offline/seer"}))

    assert found == [Rerouted("seer", "offline/other", "other")]
    assert plain == [Rerouted("seer", "offline/blind", "blind")]


async def test_where_only_text_only_models_stand_in_tasks_wait_for_their_own() -> None:
    task = TaskSpec(task_id="a", requested_model="seer", lane="offline/seer", payload=payload("https://a.example"))

    assert await Routing(Table(), {"seer": ["blind"]}).detours(run(task), frozenset({"offline/seer"})) == []
