"""Frames held against the AsyncAPI document, as a client would that knows nothing but the document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from app.api.asyncapi import document

Frame = dict[str, Any]

DOCUMENT = document()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
_VALIDATORS: dict[str, jsonschema_rs.Draft7Validator] = {}


@dataclass
class Told:
    """The events that services in this process have written, as clients see them."""

    frames: list[Frame] = field(default_factory=list)


def channel_types(channel: str) -> set[str]:
    """The types of frames that a channel lists."""
    return set(DOCUMENT["channels"][channel]["messages"])


def faults(frame: Frame, channel: str = "agentStream") -> list[str]:
    """What is wrong with a frame of this channel; nothing where it is as the document says."""
    kind = frame.get("type")
    if kind not in channel_types(channel):
        return [f"{channel} lists no message {kind!r}"]
    return [f"{kind}{error.instance_path}: {error.message}" for error in validator(str(kind)).iter_errors(frame)]


def validator(message: str) -> jsonschema_rs.Draft7Validator:
    """The schema of a message's payload."""
    if message not in _VALIDATORS:
        schema = MESSAGES[message]["payload"] | {"components": DOCUMENT["components"]}
        if "$ref" in schema:  # beside which a schema of draft 7 may say nothing
            schema = {"allOf": [MESSAGES[message]["payload"]], "components": DOCUMENT["components"]}
        _VALIDATORS[message] = jsonschema_rs.Draft7Validator(schema, validate_formats=True)
    return _VALIDATORS[message]
