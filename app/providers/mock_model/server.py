"""The mock model server: OpenAI's endpoints over the offline model, and the endpoints that tests steer it with.

One instance belongs to one event loop. It is built on aiohttp's low-level ``web.Server`` and a dictionary of routes,
because routing and middlewares would be a third of the cost of an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from app.ports.provider import JsonObject
from app.providers.mock_model import wire
from app.providers.mock_model.call_log import CallLog
from app.providers.mock_model.compose import Call, Rejected, compose, rejection
from app.providers.mock_model.config import MockModelConfig
from app.providers.mock_model.faults import FaultDice, needs_dice
from app.providers.mock_model.limits import HiddenRate, completion_limit, context_excess, prompt_tokens
from app.providers.mock_model.parts import parts_of
from app.providers.mock_model.scripts import ScriptQueue, asked_of, parse_script
from app.providers.mock_model.send import Answer, send
from app.providers.offline.reading import last_user_text, split_sections
from app.providers.offline.tokens import estimate_tokens

CONCURRENCY_RETRY_S = 1.0
"""``Retry-After`` of a 429 for too many requests in flight; no real provider can know better either."""


class MockModel:
    """State and request handler of one server."""

    def __init__(self, config: MockModelConfig) -> None:
        self.config = config
        self._dice = FaultDice()
        self._rate = HiddenRate()
        self._scripts = ScriptQueue()
        self._log = CallLog(config.call_log) if config.call_log else None
        self._n = 0
        self.stats = {"received": 0, "answered": 0, "dropped": 0, "in_flight": 0, "max_in_flight": 0}
        self.by_status: Counter[int] = Counter()
        self._configure(config)
        self._routes: dict[tuple[str, str], Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("GET", "/v1/models"): self._models,
            ("GET", "/mock/stats"): self._get_stats,
            ("GET", "/mock/config"): self._get_config,
            ("PATCH", "/mock/config"): self._patch_config,
            ("POST", "/mock/script"): self._post_script,
            ("POST", "/mock/reset"): self._post_reset,
        }

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        route = self._routes.get((request.method, request.path))
        try:
            if route is None:
                message = f"Unknown request URL: {request.method} {request.path}"
                raise rejection(404, message, kind="invalid_request_error", code="unknown_url")
            return await route(request)
        except Rejected as rejected:
            return await send(request, rejected.answer)

    def _configure(self, config: MockModelConfig) -> None:
        self.config = config
        self._fixed = None if config.reply is None else wire.FixedReply(config.reply, estimate_tokens(config.reply))

    # The OpenAI endpoints.

    async def _chat(self, request: web.BaseRequest) -> web.StreamResponse:
        started_s = time.monotonic()
        self._n += 1
        stats = self.stats
        stats["received"] += 1
        stats["in_flight"] += 1
        stats["max_in_flight"] = max(stats["max_in_flight"], stats["in_flight"])
        call: dict[str, Any] = {"n": self._n}
        try:
            try:
                answer = await self._answer(request, call, started_s)
            except Rejected as rejected:
                answer = rejected.answer
            response = await send(request, answer)
        except (asyncio.CancelledError, ConnectionError):
            stats["dropped"] += 1
            if self._log is not None:
                self._log.write("dropped", call, status=None)
            raise
        finally:
            stats["in_flight"] -= 1
        stats["answered"] += 1
        self.by_status[answer.status] += 1
        if self._log is not None:
            waits = {"retry_after_s": int(answer.headers["Retry-After"])} if "Retry-After" in answer.headers else {}
            self._log.write("answered", call, status=answer.status, reset=answer.reset, **waits)
        return response

    async def _answer(self, request: web.BaseRequest, call: dict[str, Any], started_s: float) -> Answer:
        config = self.config
        raw = await request.read()
        try:
            body = _load_object(raw)
        except Rejected:
            if self._log is not None:
                self._log.write("received", call, status=None)
            raise
        messages = body.get("messages")
        listed: list[Any] = messages if isinstance(messages, list) else []
        content = orjson.dumps(listed) if self._log is not None or needs_dice(config) else b""
        if self._log is not None:
            call.update(_describe(request, body, listed, content))
            self._log.write("received", call, status=None)
        self._admit(request, body, started_s)
        script = self._scripts.take(asked_of(body)) if len(self._scripts) else None
        decision = self._dice.decide(config, content)
        fault, latency_s = decision.fault, decision.latency_s
        if script is not None:
            fault = script.fault
            latency_s = latency_s if script.latency_ms is None else script.latency_ms / 1000
        chat = Call(n=call["n"], body=body, size_bytes=len(raw), script=script, fault=fault)
        try:
            answer = await compose(chat, config, self._fixed)
        except Rejected as rejected:
            answer = rejected.answer
        if latency_s:
            await asyncio.sleep(max(0.0, latency_s - (time.monotonic() - started_s)))
        return answer

    def _admit(self, request: web.BaseRequest, body: JsonObject, now_s: float) -> None:
        """Refuse what a provider refuses before any model runs."""
        config = self.config
        self._authenticate(request)
        if not isinstance(body.get("model"), str) or not isinstance(body.get("messages"), list) or not body["messages"]:
            message = "you must provide a model and a non-empty list of messages"
            raise rejection(400, message, kind="invalid_request_error", code="missing_required_parameter")
        if config.strict and (unknown := sorted(body.keys() - wire.BODY_FIELDS)):
            message = f"Unrecognized request arguments supplied: {', '.join(unknown)}"
            raise rejection(422, message, kind="invalid_request_error", code="unknown_parameter")
        if config.concurrency_limit and self.stats["in_flight"] > config.concurrency_limit:
            message = f"Too many concurrent requests: the limit is {config.concurrency_limit}"
            raise rejection(429, message, kind="requests", code="rate_limit_exceeded", retry_s=CONCURRENCY_RETRY_S)
        if config.rate_limit and (wait_s := self._rate.take(config.rate_limit, now_s)):
            message = "Rate limit reached for requests"
            raise rejection(429, message, kind="requests", code="rate_limit_exceeded", retry_s=wait_s)
        if config.context_tokens and (excess := context_excess(body, config.context_tokens)):
            kind, code = "invalid_request_error", "context_length_exceeded"
            raise rejection(400, excess, kind=kind, code=code, param="messages")

    def _authenticate(self, request: web.BaseRequest) -> None:
        key = self.config.api_key
        if key is None:
            return
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="replace"), f"Bearer {key}".encode()):
            raise rejection(401, "Incorrect API key provided.", kind="invalid_request_error", code="invalid_api_key")

    async def _models(self, request: web.BaseRequest) -> web.StreamResponse:
        self._authenticate(request)
        model = {"id": "offline", "object": "model", "created": wire.CREATED, "owned_by": "mock-model"}
        return await _json(request, {"object": "list", "data": [model]})

    # The endpoints for tests.

    async def _get_stats(self, request: web.BaseRequest) -> web.StreamResponse:
        by_status = {str(status): count for status, count in sorted(self.by_status.items())}
        return await _json(request, {**self.stats, "by_status": by_status, "scripts": len(self._scripts)})

    async def _get_config(self, request: web.BaseRequest) -> web.StreamResponse:
        return await _json(request, self.config.public())

    async def _patch_config(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            config = self.config.changed(_load_object(await request.read()))
        except ValueError as exc:
            raise rejection(422, str(exc), kind="invalid_request_error", code="invalid_option") from exc
        if config.rate_limit != self.config.rate_limit:
            self._rate.forget()
        self._configure(config)
        return await _json(request, config.public())

    async def _post_script(self, request: web.BaseRequest) -> web.StreamResponse:
        value = _load(await request.read())
        try:
            scripts = [parse_script(entry) for entry in (value if isinstance(value, list) else [value])]
        except ValueError as exc:
            raise rejection(422, str(exc), kind="invalid_request_error", code="invalid_script") from exc
        self._scripts.add(scripts)
        return await _json(request, {"queued": len(self._scripts)})

    async def _post_reset(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forget counts, scripts and past requests; the options stay, and so do the requests in flight."""
        in_flight = self.stats["in_flight"]
        self.stats.update(received=0, answered=0, dropped=0, max_in_flight=in_flight)
        self.by_status.clear()
        self._scripts.clear()
        self._dice.forget()
        self._rate.forget()
        return await self._get_stats(request)


def _load(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        message = f"We could not parse the JSON body of your request: {exc}"
        raise rejection(400, message, kind="invalid_request_error", code=None) from exc


def _load_object(raw: bytes) -> JsonObject:
    value = _load(raw)
    if not isinstance(value, dict):
        raise rejection(400, "The JSON body must be an object", kind="invalid_request_error", code=None)
    return value


async def _json(request: web.BaseRequest, value: Any) -> web.StreamResponse:
    return await send(request, Answer(pieces=[orjson.dumps(value)]))


def _describe(request: web.BaseRequest, body: JsonObject, messages: list[Any], content: bytes) -> dict[str, Any]:
    """What the call log says about a call; the key, the messages and the data of images only as digests."""
    _, task, _ = split_sections(last_user_text(messages))
    authorization = request.headers.get("Authorization")
    return {
        "key": request.headers.get("Idempotency-Key"),
        "model": body.get("model"),
        "task_id": None if task is None else task.get("id", task.get("task_id")),
        "swarm_id": None if task is None else task.get("swarm_id"),
        "prompt_tokens": prompt_tokens(body),
        **({"parts": found} if (found := parts_of(messages)) else {}),
        "max_tokens": completion_limit(body),
        "messages_sha256": hashlib.sha256(content).hexdigest(),
        "authorization_sha256": None if authorization is None else _sha256(authorization),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
