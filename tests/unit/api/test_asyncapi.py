"""The AsyncAPI document is one, names all there is, and lets nothing through that it does not name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app.api import ws
from app.api.asyncapi import FRAMES, document
from app.api.errors import describe
from app.domain import events
from app.domain.swarm import PAUSED_BY_BUDGET, PAUSED_BY_FUNDS, PAUSED_BY_REQUEST, PAUSED_UNTIL_START
from app.domain.webhooks import EVENTS
from app.main import create_app
from app.ports.dispatch import Held
from app.scheduler.lanes import Obstacle
from app.settings import Settings
from tests.support.documented import DOCUMENT, MESSAGES, channel_types, faults, validator

SCHEMA = Path(__file__).parents[2] / "fixtures" / "asyncapi-3.0.0.json"
CONSTANTS = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
EXAMPLES = [
    pytest.param(name, example["payload"], id=example["name"])
    for name, message in MESSAGES.items()
    for example in message["examples"]
]
FRAME_EXAMPLES = [entry for entry in EXAMPLES if entry.values[0] in FRAMES]


def test_it_is_an_asyncapi_document() -> None:
    validator = jsonschema_rs.Draft7Validator(json.loads(SCHEMA.read_text()))

    assert [f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid(DOCUMENT | {"channels": {"x": {"addres": "/x"}}})


def test_every_reference_leads_somewhere() -> None:
    def targets(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for member in value.values() for found in targets(member)]
        return [found for member in value for found in targets(member)] if isinstance(value, list) else []

    for target in set(targets(DOCUMENT)):
        place: Any = DOCUMENT
        for part in target.removeprefix("#/").split("/"):
            place = place[part]


def test_all_events_of_the_domain_have_a_message_and_nothing_else_has() -> None:
    assert set(FRAMES) == CONSTANTS | {"metrics_snapshot"}
    assert channel_types("swarmStream") == channel_types("agentStream") == set(FRAMES) | {"batch"}
    assert channel_types("swarmEvents") == set(FRAMES)
    assert channel_types("webhook") == {f"webhook_{event}" for event in EVENTS}


def test_reasons_and_obstacles_are_those_of_the_code() -> None:
    def values(schema: str, field: str) -> set[str]:
        return set(DOCUMENT["components"]["schemas"][schema]["properties"][field]["enum"])

    pauses = {PAUSED_BY_REQUEST, PAUSED_BY_BUDGET, PAUSED_UNTIL_START} | PAUSED_BY_FUNDS
    assert values("SwarmPaused", "reason") == pauses
    assert values("SwarmResumed", "reason") == pauses | {"retry"}
    assert values("SwarmThrottled", "reason") == set(Obstacle) | set(Held)


@pytest.mark.parametrize(("name", "payload"), EXAMPLES)
def test_examples_are_what_they_are_examples_of(name: str, payload: dict[str, Any]) -> None:
    assert [error.message for error in validator(name).iter_errors(payload)] == []


@pytest.mark.parametrize(("name", "payload"), FRAME_EXAMPLES)
def test_a_field_too_many_or_too_few_and_a_wrong_type_are_told(name: str, payload: dict[str, Any]) -> None:
    assert faults(payload) == []
    assert faults(payload | {"surprise": 1})
    assert faults(payload | {"seq": "1"})
    assert faults(payload | {"ts": "yesterday"})
    assert faults(payload | {"type": "agent_promoted"})
    assert faults(payload | {"cursor": "4-2"}) == []
    assert faults(payload | {"cursor": "here"})
    for field in set(payload) - {"attempt", "tools", "score", "votes"}:
        assert faults({key: value for key, value in payload.items() if key != field}), f"{field} may be missing"


def test_a_batch_holds_frames_and_nothing_else() -> None:
    [example] = MESSAGES["batch"]["examples"]
    frame = example["payload"]["events"][0]

    assert faults({"type": "batch", "events": [frame, frame]}) == []
    assert faults({"type": "batch", "events": [frame | {"surprise": 1}]})
    assert faults({"type": "batch", "events": [frame], "surprise": 1})
    assert faults({"type": "batch", "events": []})


@pytest.mark.parametrize("channel", ["swarmStream", "agentStream"])
def test_a_stream_tells_how_it_is_resumed_closed_and_refused(channel: str) -> None:
    found = DOCUMENT["channels"][channel]

    assert set(found["bindings"]["ws"]["query"]["properties"]) == {"after", "batch_ms", "ticket"}
    assert {"1000", str(ws.SLOW_CLIENT)} <= set(found["x-close-codes"])
    assert {"401", "404"} <= set(found["x-handshake-refusals"])
    assert all(describe(int(status)) != "Error" for status in found["x-handshake-refusals"])


def test_it_is_the_same_each_time_and_stands_in_the_repository() -> None:
    written = Path(__file__).parents[3] / "openapi" / "asyncapi.json"

    assert json.dumps(document()) == json.dumps(document())
    assert json.loads(written.read_text()) == document()
    assert DOCUMENT["info"]["version"] == create_app(Settings()).openapi()["info"]["version"]
