"""The AsyncAPI document: the WebSocket streams, the same as server-sent events, and what webhooks are sent.

Made of the types of ``schemas.frames`` and ``schemas.task_frames``, which stand for what the service sends: one message
for each type of frame.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from app import __version__
from app.api.asyncapi_examples import EXAMPLES, WEBHOOK_EXAMPLE
from app.api.openapi_errors import SECURITY_SCHEMES
from app.api.schemas import frames as of_runs
from app.api.schemas import task_frames as of_tasks
from app.api.schemas.frames import Frame
from app.api.schemas.webhooks import WebhookMessage
from app.domain.webhooks import EVENTS

Json = dict[str, Any]

FRAMES: dict[str, tuple[type[Frame], ...]] = {
    "swarm_started": (of_runs.SwarmStarted,),
    "task_waiting": (of_tasks.TaskWaiting,),
    "task_queued": (of_tasks.TaskQueued,),
    "agent_spawned": (of_tasks.AgentSpawned,),
    "agent_step": (of_tasks.StepTaken, of_tasks.InnerCompleted, of_tasks.InnerFailed),
    "agent_retrying": (of_tasks.AgentRetrying,),
    "agent_hedged": (of_tasks.AgentHedged,),
    "agent_rerouted": (of_tasks.LaneRerouted, of_tasks.FailureRerouted),
    "agent_completed": (of_tasks.AgentCompleted,),
    "agent_failed": (of_tasks.AgentFailed,),
    "task_skipped": (of_tasks.TaskSkipped,),
    "task_cancelled": (of_tasks.TaskCancelled,),
    "checkpoint": (of_runs.Checkpoint,),
    "aggregate_completed": (of_runs.AggregateCompleted,),
    "swarm_throttled": (of_runs.SwarmThrottled,),
    "breaker_changed": (of_runs.BreakerChanged,),
    "swarm_scaled": (of_runs.SwarmScaled,),
    "swarm_paused": (of_runs.SwarmPaused,),
    "swarm_resumed": (of_runs.SwarmResumed,),
    "swarm_completed": (of_runs.SwarmCompleted,),
    "metrics_snapshot": (of_runs.MetricsSnapshot,),
}
"""Types of frames, roughly in the order of a run, and the forms that each has."""

_DESCRIPTION = """
What happens in the runs of swarmd, while it happens. A stream replays the log of a run from its first event and goes on
live; a client that resumes behind the last frame it has got gets each later event exactly once, across disconnects and
restarts of the service. Requests are described in `/openapi.json`.
"""
_RESUMING = (
    "Begins with the first retained event. On one connection an event never comes twice, and those of a run come in"
    " `seq` order without a gap. What the client sends is ignored; the server sends pings and demands none."
)
_CLOSE_CODES = {
    "1000": "The run has ended, and its last event was sent; an orchestrator's stream stays open",
    "1011": "A fault of the service; resume behind the last frame",
    "1012": "The service restarts; resume behind the last frame",
    "4008": "The client took nothing of what was sent for too long; the reason names where to resume:"
    " `reads too slowly; resume after seq 17` (or `cursor 4-2`)",
}
_REFUSALS = {
    "401": "No key, or none that is known, and no ticket that is still good",
    "403": "The key lacks the scope `read`; or, in local mode, a foreign Host or Origin",
    "404": "No such run or orchestrator of this tenant",
    "422": "A wrong `after` or `batch_ms`",
    "429": "More requests than the key may make a minute",
    "503": "The store cannot be read now",
}
_TICKET: Json = {
    "type": "httpApiKey",
    "name": "ticket",
    "in": "query",
    "description": "For browsers, which can send no header: a ticket of `POST /v1/stream-tickets`, good for a minute",
}
_BATCH_MS: Json = {
    "type": "integer",
    "minimum": 0,
    "maximum": 10_000,
    "default": 0,
    "description": "Milliseconds to gather frames for, which then come as one `batch`; 0: each in a message of its own",
}


def document() -> Json:
    """Return the AsyncAPI 3.0 document, the same for the same code."""
    messages = {name: _message(name, forms) for name, forms in FRAMES.items()}
    messages["batch"] = _batch()
    messages |= {f"webhook_{event}": _webhook_message(event) for event in EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "swarmd",
            "version": __version__,
            "description": _DESCRIPTION.strip(),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "websocket": _server("ws", "bearer", "ticket"),
            "http": _server("http", "bearer"),
            "receiver": {
                "host": "{receiver}",
                "protocol": "https",
                "variables": {"receiver": {"description": "Of the webhook's URL", "examples": ["example.com"]}},
            },
        },
        "channels": {
            "swarmStream": _stream("/v1/swarms/{swarm_id}/stream", "swarm_id", "seq"),
            "agentStream": _stream("/v1/agents/{agent_id}/stream", "agent_id", "cursor"),
            "swarmEvents": _server_sent(),
            "webhook": _webhook(),
        },
        "operations": {
            "sendSwarmStream": _send("swarmStream", "Events of one run; closes with 1000 after the last"),
            "sendAgentStream": _send("agentStream", "Events of all runs of an orchestrator; stays open"),
            "sendSwarmEvents": _send("swarmEvents", "Events of one run as server-sent events; ends with it")
            | {"bindings": {"http": {"method": "GET", "bindingVersion": "0.3.0"}}},
            "sendWebhook": _send("webhook", "Events of a run to the receiver that it names")
            | {"bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}}},
        },
        "components": {
            "securitySchemes": SECURITY_SCHEMES | {"ticket": _TICKET},
            "messages": messages,
            "schemas": _schemas(),
        },
    }


def _server(protocol: str, *security: str) -> Json:
    return {
        "host": "127.0.0.1:8000",
        "protocol": protocol,
        "description": "By default; while no key exists there, requests of the same machine need none",
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in security],
    }


def _stream(address: str, parameter: str, resumed_by: str) -> Json:
    of_one = parameter == "swarm_id"
    what = "A run, by id" if of_one else "An orchestrator, by id or name; or a sub-agent, whose run is then streamed"
    after = {
        "oneOf": [{"type": "string", "pattern": "^[0-9]{1,15}$" if of_one else "^[0-9]{1,16}-[0-9]{1,16}$"}, _LATEST],
        "description": f"Behind the frame with this `{resumed_by}`; `latest`: only what is to come",
        "examples": ["17" if of_one else "4-2"],
    }
    query = {"type": "object", "properties": {"after": after, "batch_ms": _BATCH_MS, "ticket": {"type": "string"}}}
    return {
        "address": address,
        "description": _RESUMING,
        "servers": [{"$ref": "#/servers/websocket"}],
        "parameters": {parameter: {"description": what}},
        "messages": _references(*FRAMES, "batch"),
        "bindings": {"ws": {"method": "GET", "query": query, "bindingVersion": "0.1.0"}},
        "x-close-codes": _CLOSE_CODES,
        "x-handshake-refusals": _REFUSALS,
    }


_LATEST = {"const": "latest"}


def _server_sent() -> Json:
    return {
        "address": "/v1/swarms/{swarm_id}/events",
        "description": "With `Accept: text/event-stream`. Each frame is one event: `event` is its type, `data` its"
        " JSON, `id` its `seq` (a `metrics_snapshot` has none). `Last-Event-ID`, or `?after=`, resumes behind a `seq`."
        " While nothing happens a comment comes every 15 seconds.",
        "servers": [{"$ref": "#/servers/http"}],
        "parameters": {"swarm_id": {"description": "A run, by id"}},
        "messages": _references(*FRAMES),
        "x-refusals": _REFUSALS,
    }


def _webhook() -> Json:
    return {
        "address": None,
        "description": "The `webhook` of a run, of which it names the events. Answer 2xx within 15 seconds; anything"
        " else is tried again for about three days, 410 is not. A message may come several times: take a `webhook-id`"
        " once.",
        "servers": [{"$ref": "#/servers/receiver"}],
        "messages": _references(*(f"webhook_{event}" for event in EVENTS)),
    }


def _references(*names: str) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _send(channel: str, summary: str) -> Json:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(name: str, forms: tuple[type[Frame], ...]) -> Json:
    payloads = [{"$ref": f"#/components/schemas/{form.__name__}"} for form in forms]
    return {
        "name": name,
        "title": " ".join(name.split("_")).capitalize(),
        "summary": " Or: ".join(_said_of(form) for form in forms),
        "contentType": "application/json",
        "payload": payloads[0] if len(payloads) == 1 else {"oneOf": payloads},
        "examples": [{"name": f"{name}{nth or ''}", "payload": value} for nth, value in enumerate(EXAMPLES[name])],
    }


def _batch() -> Json:
    return {
        "name": "batch",
        "title": "Batch",
        "summary": "With `batch_ms`: the frames of the time that has passed, in order.",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/Batch"},
        "examples": [{"name": "batch", "payload": {"type": "batch", "events": EXAMPLES["task_queued"]}}],
    }


def _webhook_message(event: str) -> Json:
    header = {"type": "string"}
    return {
        "name": event,
        "title": " ".join(event.split("_")).capitalize(),
        "summary": _said_of(WebhookMessage),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
            "properties": {
                "webhook-id": header | {"description": "Of the message, the same at every attempt"},
                "webhook-timestamp": header | {"description": "Unix seconds of the attempt"},
                "webhook-signature": header | {"description": "One or more of `v1,<base64>`, separated by blanks"},
            },
        },
        "payload": {
            "allOf": [{"$ref": "#/components/schemas/WebhookMessage"}, {"properties": {"type": {"const": event}}}]
        },
        "examples": [{"name": event, "payload": WEBHOOK_EXAMPLE | {"type": event}}],
    }


def _schemas() -> Json:
    frames = [form for forms in FRAMES.values() for form in forms]
    models: list[type[BaseModel]] = [*frames, WebhookMessage]
    mode: JsonSchemaMode = "serialization"
    _, definitions = models_json_schema(
        [(model, mode) for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: Json = definitions["$defs"]
    anything = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in frames]
    schemas["Batch"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "events"],
        "properties": {
            "type": {"const": "batch"},
            "events": {"type": "array", "minItems": 1, "items": {"oneOf": anything}},
        },
    }
    return schemas


def _said_of(model: type[BaseModel]) -> str:
    return re.sub(r"\s+", " ", model.__doc__ or "").strip()
