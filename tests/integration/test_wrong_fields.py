"""Wrong types and values in every field of a run: refused by name, and nothing stored."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from app.api.schemas.aggregation import AggregateIn
from app.api.schemas.limits import BudgetIn, LimitsIn, RetryIn
from app.api.schemas.routing import RoutingIn
from app.api.schemas.run_options import ValidateIn
from app.api.schemas.swarm_create import SwarmCreate
from app.api.schemas.tasks import TaskIn
from tests.support.problems import pointers
from tests.support.refusals import GOOD, refused, unharmed

__all__ = ["unharmed"]

VALUES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 1.5,
    "string": "x",
    "array": [],
    "array of arrays": [[]],
    "object": {},
}
TAKEN: dict[type[BaseModel], dict[str, str]] = {
    SwarmCreate: {
        "tasks": "",
        "name": "null string",
        "agent": "null",  # no orchestrator is called "x"
        "model": "null string",
        "system_prompt": "null string",
        "shared_context": "null string",
        "aggregate": "null",
        "limits": "object",
        "retry": "object",
        "on_task_failure": "",
        "min_success_rate": "",  # 7 and 1.5 are above 1
        "metadata": "object",
        "budget": "null",
        **dict.fromkeys(("goal", "decompose"), "null"),  # beside tasks
        **dict.fromkeys(("planner", "attachments"), "null"),  # without a goal
        "output_schema": "null object",
        "routing": "null object",
        "validate": "null string",
        "webhook": "null",  # "x" is no URL
        "start_at": "null",  # "x" is no time
        "context_window": "null",  # 7 is too few
    },
    LimitsIn: {
        "max_parallel_agents": "integer",
        "max_steps": "null integer",
        "timeout_s": "null integer number",
        "task_timeout_s": "integer number",
        "max_agents": "integer",
        "batch_size": "null integer",
        "batch_pause_s": "null",  # without a batch_size
    },
    RetryIn: {"max_retries": "integer", "base_delay_s": "integer number", "jitter": "", "hedge_percentile": "null"},
    BudgetIn: {
        "max_cost_usd": "null integer number",
        "max_tokens": "null integer",
        "per_agent_tokens": "null integer",
        "on_exceeded": "null",
    },
    AggregateIn: {
        "strategy": "",
        "threshold": "null",
        "field": "null string",
        "weights": "null",
        "tie": "null",
        "votes_needed": "null integer",
        "batch_size": "null integer",
        "prompt": "null string",
        "model": "null string",
        "checkpoint_every": "null integer",
        "output_schema": "null object",
    },
    ValidateIn: {"rubric": "string", "threshold": "", "model": "null string"},
    RoutingIn: {
        "rules": "array",
        "tiers": "object",
        "candidates": "array",
        "prefer": "",
        "fallbacks": "array",
        "reroute_after": "integer",
    },
    TaskIn: {
        "id": "null string",
        "task_id": "null string",
        "type": "null string",
        "prompt": "null string",
        "data": ",".join(VALUES),
        "depends_on": "array",
        "role": "null string",
        "capability_tags": "array",
        "priority": "integer",
        "complexity": "null integer",
        "model": "null string",
        "timeout_s": "null integer number",
        "max_retries": "null integer",
        "max_steps": "null integer",
        "max_output_tokens": "null integer",
        "allow_failed_dependencies": "boolean",
        "token_budget": "null integer",
        "tier": "null",
        "output_schema": "null object",
        "weight": "null integer number",
        "tools": "null array",
    },
}
PLACES = {
    SwarmCreate: "",
    LimitsIn: "/limits",
    RetryIn: "/retry",
    BudgetIn: "/budget",
    AggregateIn: "/aggregate",
    ValidateIn: "/validate",
    RoutingIn: "/routing",
    TaskIn: "/tasks/0",
}
STRATEGY_OF = {
    "threshold": "consensus",
    "weights": "weighted_voting",
    "votes_needed": "first_past_the_post",
    "batch_size": "hierarchical",
    **dict.fromkeys(("field", "tie"), "majority"),
    **dict.fromkeys(("prompt", "model", "output_schema"), "synthesis"),
}

TOKENS = {"max_tokens", "per_agent_tokens", "token_budget"}


def with_field(model: type[BaseModel], field: str, value: Any) -> dict[str, Any]:
    if field in TOKENS and type(value) is int:
        value *= 1_000_000  # enough for a call
    if model is BudgetIn:
        return {**GOOD, "budget": {"max_cost_usd": 5, "max_tokens": 10**9, field: value}}
    if model is AggregateIn and field != "strategy":
        return {**GOOD, "aggregate": {"strategy": STRATEGY_OF.get(field, "concat"), field: value}}
    if model is ValidateIn:
        return {**GOOD, "validate": {"rubric": "One word.", field: value}}
    if model is TaskIn:
        return {"tasks": [{field: value}]}
    if model is SwarmCreate:
        return {**GOOD, field: value}
    return {**GOOD, PLACES[model][1:]: {field: value}}


def all_fields() -> list[tuple[type[BaseModel], str]]:
    return [(model, field) for model, fields in TAKEN.items() for field in fields]


@pytest.mark.parametrize("model", TAKEN, ids=lambda model: model.__name__)
def test_the_table_names_every_field_of_the_schema(model: type[BaseModel]) -> None:
    assert {field.alias or name for name, field in model.model_fields.items()} == set(TAKEN[model])


@pytest.mark.parametrize(("model", "field"), all_fields(), ids=lambda part: getattr(part, "__name__", part))
def test_a_wrong_type_is_refused_by_name(client: httpx2.Client, model: type[BaseModel], field: str) -> None:
    taken = TAKEN[model][field].replace(",", " ").split() if "," not in TAKEN[model][field] else list(VALUES)
    for kind, value in VALUES.items():
        body = with_field(model, field, value)
        if kind in taken:
            response = client.post("/v1/swarms", params={"wait": 20}, json=body)
            assert response.status_code == 201, (kind, response.text)
            client.delete(f"/v1/swarms/{response.json()['swarm_id']}").raise_for_status()
            continue
        for pointer in pointers(refused(client, body, status=404 if (field, kind) == ("agent", "string") else 422)):
            assert pointer.startswith(f"{PLACES[model]}/{field}"), kind
            assert not {"constrained-int", "AggregateIn", "str"} & set(pointer.split("/")), pointer


def test_wrong_types_inside_lists_are_refused_by_name(client: httpx2.Client) -> None:
    body = {"tasks": [{"depends_on": ["a", 1, "", None], "capability_tags": ["x", {}]}]}

    document = refused(client, body)

    lists = [f"/tasks/0/depends_on/{index}" for index in (1, 2, 3)]
    assert pointers(document) == [*lists, "/tasks/0/capability_tags/1"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("/limits/timeout_s", -1),
        ("/limits/timeout_s", 0),
        ("/limits/task_timeout_s", -0.5),
        ("/limits/max_parallel_agents", 0),
        ("/limits/max_parallel_agents", 1001),
        ("/limits/max_steps", 0),
        ("/retry/max_retries", -1),
        ("/retry/base_delay_s", -1),
        ("/retry/jitter", 1.01),
        ("/min_success_rate", -0.1),
        ("/tasks/0/timeout_s", -1),
        ("/tasks/0/timeout_s", 0),
        ("/tasks/0/timeout_s", 1e300),
        ("/tasks/0/priority", 0),
        ("/tasks/0/priority", 11),
        ("/tasks/0/priority", "urgent"),
        ("/tasks/0/complexity", 11),
        ("/tasks/0/max_retries", -1),
        ("/tasks/0/max_output_tokens", 0),
        ("/name", ""),
        ("/name", "x" * 201),
        ("/on_task_failure", "stop"),
        ("/agent", "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("/agent", "nobody"),
        ("/aggregate", "telepathy"),
        ("/aggregate/strategy", "telepathy"),
        ("/surprise", 1),
        ("/validation", 1),
        ("/limits/surprise", 1),
        ("/retry/surprise", None),
        ("/aggregate/surprise", None),
    ],
)
def test_a_wrong_value_is_refused_by_name(client: httpx2.Client, place: str, value: Any) -> None:
    body: dict[str, Any] = {"tasks": [{}]}
    target: Any = body
    *parents, last = place[1:].split("/")
    for parent in parents:
        default = {"strategy": "concat"} if parent == "aggregate" else {}
        target = target[int(parent)] if isinstance(target, list) else target.setdefault(parent, default)
    target[last] = value

    assert pointers(refused(client, body, status=404 if place == "/agent" else 422)) == [place]


# --- strategies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "strategy"),
    [
        ("first-past-the-post", "first_past_the_post"),
        ("majority", "majority"),
        ("weighted_voting", "weighted_voting"),
        ("Consensus", "consensus"),
        ("weighted consensus", "weighted_consensus"),
        ("hierarchical", "hierarchical"),
        ("synthesis", "synthesis"),
        ("by-role", "by_role"),
    ],
)
@pytest.mark.parametrize("as_object", [True, False])
def test_every_strategy_is_known_by_its_common_spellings(
    client: httpx2.Client, given: str, strategy: str, as_object: bool
) -> None:
    body = {**GOOD, "aggregate": {"strategy": given} if as_object else given}

    run = client.post("/v1/swarms", params={"wait": 20}, json=body).json()
    client.delete(f"/v1/swarms/{run['swarm_id']}").raise_for_status()

    aggregation = run["results"]["aggregation"]
    assert (run["status"], aggregation["strategy"], aggregation["status"]) == ("completed", strategy, "completed")
    assert run["results"]["aggregated"]


@pytest.mark.parametrize(
    ("strategy", "option"), [("concat", "threshold"), ("majority", "prompt"), ("none", "checkpoint_every")]
)
def test_an_option_that_the_strategy_has_no_use_for_is_refused(
    client: httpx2.Client, strategy: str, option: str
) -> None:
    value = {"threshold": 0.7, "prompt": "x", "checkpoint_every": 2}[option]

    document = refused(client, {**GOOD, "aggregate": {"strategy": strategy, option: value}})

    assert pointers(document) == [f"/aggregate/{option}"]


# --- what is asked for: tasks, a goal or a decomposition -------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/tasks"),
        ({"tasks": []}, "/tasks"),
        ({"tasks": [{}], "goal": "x"}, "/goal"),
        ({"goal": "x", "decompose": {"strategy": "rows", "data": [1], "num_agents": 1}}, "/decompose"),
        ({"goal": "  "}, "/goal"),
        ({"goal": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}, "/goal"),
        ({"goal": "x", "planner": "oracle"}, "/planner"),
        ({"tasks": [{}], "planner": "supervisor"}, "/planner"),
        ({"tasks": [{}], "attachments": [{"name": "a", "text": "b"}]}, "/attachments"),
        ({"goal": "x", "output_schema": {"type": "object"}, "aggregate": "majority"}, "/output_schema"),
        ({"goal": "x", "limits": {"max_agents": 0}}, "/limits/max_agents"),
        ({"tasks": [{"output_schema": {"type": "nothing"}}]}, "/tasks/0/output_schema/type"),
        ({"tasks": [{"output_schema": {"$ref": "https://example.com/x"}}]}, "/tasks/0/output_schema/$ref"),
        ({"tasks": [{}], "output_schema": {"minimum": "x"}}, "/output_schema/minimum"),
    ],
)
def test_what_is_to_be_done_must_be_one_thing_that_can_be_done(
    client: httpx2.Client, body: dict[str, Any], place: str
) -> None:
    found = pointers(refused(client, body))

    assert found
    assert all(pointer == place or pointer.startswith(f"{place}/") for pointer in found), found
