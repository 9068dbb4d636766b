"""``Idempotency-Key`` (contract, section 1): which requests are the same, and what a repeated one is answered.

The header and its rules follow draft-ietf-httpapi-idempotency-key-header-07 and Stripe's API.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Depends, Header, Request
from fastapi.responses import Response

from app.api.deps import CallerDep
from app.api.strict_json import parse
from app.domain.errors import InvalidRequest
from app.ports.idempotency import Answer
from app.services.idempotency import KeyedRequest, Outcome

REPLAYED = "Idempotent-Replayed"

_HOW_LONG = "wait"
"""Tells how long to wait for an answer, not what is asked for: a repeated request may wait for longer."""


def _header(description: str) -> Any:
    return Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern="^[ -~]+$", description=description)


Key = Annotated[
    str | None,
    _header(
        "1 to 255 printable ASCII characters. The same key with the same request again starts nothing: it gets the"
        " answer of the first, with the header `Idempotent-Replayed: true`. With another request: 409. A refused"
        " request leaves its key free."
    ),
]
UnneededKey = Annotated[str | None, _header("Taken, but not needed: this request can be repeated as it is")]


async def keyed_request(request: Request, caller: CallerDep, idempotency_key: Key = None) -> KeyedRequest | None:
    if idempotency_key is None:
        return None
    fingerprint = fingerprint_of(
        request.method, request.url.path, request.scope["query_string"].decode("latin-1"), await request.body()
    )
    return KeyedRequest(tenant_id=caller.tenant_id, key=idempotency_key, fingerprint=fingerprint)


async def _check_form(idempotency_key: UnneededKey = None) -> None:
    """The form is checked by the annotation."""


KeyedDep = Annotated[KeyedRequest | None, Depends(keyed_request)]
KEY_NOT_NEEDED = Depends(_check_form)
"""For POSTs that are idempotent by nature."""


def fingerprint_of(method: str, path: str, query: str, body: bytes) -> str:
    """Return the SHA-256 of a request; white space and the order of keys in its JSON do not count."""
    pairs = sorted((name, "" if name == _HOW_LONG else value) for name, value in parse_qsl(query, True))
    digest = sha256(orjson.dumps([method, path, pairs]))
    if body.strip():
        with suppress(InvalidRequest):  # the route refuses it, in its own words
            body = orjson.dumps(parse(body), option=orjson.OPT_SORT_KEYS)
        digest.update(body)
    return digest.hexdigest()


def answer_of(value: Any, status: int) -> Answer:
    return Answer(status, orjson.dumps(value).decode())


def reply(outcome: Outcome) -> Response:
    """Return the whole answer that a request came to."""
    assert outcome.answer is not None
    response = Response(outcome.answer.body, outcome.answer.status, media_type="application/json")
    return mark(response, outcome)


def mark(response: Response, outcome: Outcome) -> Response:
    """Let the client know where an earlier request did the work."""
    if outcome.replayed:
        response.headers[REPLAYED] = "true"
    return response
