"""Which model serves a task with images: never one that is known to read text only, where there is another."""

from __future__ import annotations

import json
from typing import Any

from app.domain.assigning import Pool, assign, spec_of
from app.domain.planned import PlannedTask
from app.domain.roles import Role
from app.domain.routing import Candidate, TaskNeeds, choose
from app.domain.routing_spec import RoutingSpec
from app.domain.task import TaskSpec

BLIND, SEEING, UNKNOWN = Candidate(vision=False), Candidate(vision=True), Candidate()
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
PICTURED = TaskNeeds(vision=True)


def routing(**fields: Any) -> RoutingSpec:
    return RoutingSpec(**fields)


def test_a_text_only_model_is_passed_over_and_never_in_the_chain() -> None:
    models = {"cheap": BLIND, "mid": UNKNOWN, "dear": SEEING, "spare": BLIND, "last": SEEING, None: UNKNOWN}
    found = choose(
        PICTURED, routing(candidates=("cheap", "mid", "dear"), fallbacks=("spare", "last")), models, run_model="cheap"
    )

    assert found.model == "mid"
    assert found.chain == ("dear", "last")
    assert ("cheap", "reads text only, the task has images or videos") in [
        (one.model, one.why_not) for one in found.considered
    ]


def test_the_same_models_serve_a_task_in_words() -> None:
    models: dict[str | None, Candidate] = {"cheap": BLIND, "dear": SEEING}
    found = choose(TaskNeeds(), routing(candidates=("cheap", "dear")), models)

    assert found.model == "cheap"
    assert found.chain == ("dear",)


def test_a_model_that_is_too_small_comes_before_one_that_reads_text_only() -> None:
    """Its provider's refusal says more than ours; the other could not do it in any case."""
    models = {"blind": BLIND, "small": Candidate(vision=True, context_tokens=10), None: BLIND}
    needs = TaskNeeds(vision=True, prompt_tokens=2_000)

    assert choose(needs, routing(candidates=("blind", "small")), models).model == "small"


def test_where_every_model_reads_text_only_the_reason_says_so() -> None:
    found = choose(PICTURED, routing(), {"blind": BLIND}, run_model="blind")

    assert found.model == "blind"
    assert "reads text only" in found.reason


def test_a_planned_task_with_pictures_leaves_the_model_of_its_role() -> None:
    role = Role(name="coder", system_prompt="Code.", capability_tags=(), model="blind", tier=None)
    planned = PlannedTask(id="a", prompt="Read it.", type=None, role="coder", pictures=(PICTURE,))
    pool = Pool(roles={"coder": role}, run_model="seer", max_output_tokens=100)
    spec = spec_of(planned, task_timeout_s=9.0, max_retries=1)

    [found] = assign([spec], pool, {"blind": BLIND, "seer": SEEING})

    assert json.loads(found.payload)["prompt"] == [{"type": "text", "text": "Read it."}, PICTURE]
    assert found.payload.startswith('{"prompt":[')
    assert found.requested_model == "seer"


def test_the_data_of_a_picture_does_not_make_a_task_too_long_for_a_model() -> None:
    """300,000 characters of base64 would be 100,000 tokens as words; a picture is taken for 2,000."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 300_000}}
    payload = json.dumps({"prompt": [{"type": "text", "text": "x"}, picture]}, separators=(",", ":"))
    pool = Pool(routing=routing(candidates=("small", "large")), max_output_tokens=100)
    models: dict[str | None, Candidate] = {"small": Candidate(context_tokens=8_000), "large": Candidate()}

    [found] = assign([TaskSpec(task_id="a", payload=payload)], pool, models)

    assert found.requested_model == "small"
