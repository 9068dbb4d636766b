"""From a parsed request to the answer that will be written: scripted, fixed or of the offline model, with its fault."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.domain.usage import Usage
from app.ports.provider import ChatRequest, ChatResult, JsonObject, ToolCall
from app.providers.mock_model import wire
from app.providers.mock_model.config import MockModelConfig
from app.providers.mock_model.limits import retry_after_header
from app.providers.mock_model.parts import parts_told
from app.providers.mock_model.scripts import Script
from app.providers.mock_model.send import Answer
from app.providers.offline import OfflineProvider
from app.providers.offline.reading import dump_json, message_texts
from app.providers.offline.tokens import BYTES_PER_TOKEN, estimate_messages, estimate_tokens

OFFLINE = OfflineProvider()


class Rejected(Exception):
    """The request is answered with an error; carries that answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def rejection(
    status: int, message: str, *, kind: str, code: str | None, retry_s: float | None = None, param: str | None = None
) -> Rejected:
    """An answer in OpenAI's error envelope, with ``Retry-After`` where one is given."""
    headers = {}
    if retry_s is not None:
        headers = {"Retry-After": retry_after_header(retry_s), "retry-after-ms": str(max(1, round(retry_s * 1000)))}
    return Rejected(
        Answer(pieces=[wire.error(message, kind=kind, code=code, param=param)], status=status, headers=headers)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that passed the checks.

    Attributes:
        n: the number of the call since the server started.
        size_bytes: of the request body, for a cheap estimate of its tokens.
    """

    n: int
    body: JsonObject
    size_bytes: int
    script: Script | None
    fault: str | None

    @property
    def model(self) -> str:
        model: str = self.body["model"]
        return model

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))


async def compose(call: Call, config: MockModelConfig, fixed: wire.FixedReply | None) -> Answer:
    """The answer to ``call``; waits for ever where it is to hang.

    Raises:
        Rejected: the answer is an error.
    """
    script = call.script
    if call.fault == "hang":
        await asyncio.get_running_loop().create_future()
    if script is not None and script.status is not None:
        code = "rate_limit_exceeded" if script.status == 429 else None
        raise rejection(script.status, "scripted error", kind="server_error", code=code, retry_s=script.retry_after_s)
    if call.fault == "error" or (call.fault == "error_midway" and not call.streamed):
        raise rejection(config.error_status, "The server had an error", kind="server_error", code=None)
    pieces = wire.damage(await _pieces(call, config, fixed), call.fault)
    garbage = call.fault == "garbage"
    streamed = call.streamed and not garbage
    return Answer(
        pieces=pieces,
        content_type="text/html" if garbage else "text/event-stream" if streamed else "application/json",
        stream=streamed,
        reset=config.reset_point if call.fault == "reset" else None,
        stall=call.fault == "stall",
        slow_body=config.slow_body,
    )


async def _pieces(call: Call, config: MockModelConfig, fixed: wire.FixedReply | None) -> list[bytes]:
    script = call.script
    if script is not None and script.raw is not None:
        return [script.raw.encode(errors="replace")]
    pad_mb = config.huge_body_mb if script is None or script.huge_body_mb is None else script.huge_body_mb
    whole = not call.streamed and not pad_mb and script is None
    if fixed is not None and whole and call.fault in {None, "reset", "truncate", "garbage", "bad_utf8", "surrogate"}:
        return [fixed.body(call.model, call.n, call.size_bytes // BYTES_PER_TOKEN)]
    body = wire.completion(await _result(call, config.reply), call.model, call.n)
    if script is not None and script.usage is not None:
        body["usage"] = script.usage
    wire.spoil(body, call.fault, pad_mb)
    if not call.streamed:
        return [orjson.dumps(body)]
    options = call.body.get("stream_options")
    return wire.chunks(body, include_usage=isinstance(options, dict) and options.get("include_usage") is True)


async def _result(call: Call, reply: str | None) -> ChatResult:
    script = call.script
    if script is not None and (script.content is not None or script.tool_calls):
        return _said(call, script.content, script.tool_calls or [], script.finish_reason)
    if reply is not None:
        return _said(call, reply, [], None)
    result = await OFFLINE.complete(_chat_request(call.body))
    told = parts_told(call.body["messages"])
    if not told or result.content is None or call.body.get("response_format"):
        return result
    return replace(result, content=f"{result.content}\n\n{told}")


def _said(call: Call, content: str | None, calls: list[JsonObject], finish_reason: str | None) -> ChatResult:
    """A given answer as a result, its usage estimated as the offline model does."""
    tool_calls = tuple(
        ToolCall(id=f"call_{call.n}_{index}", name=entry["name"], arguments=_arguments(entry.get("arguments", {})))
        for index, entry in enumerate(calls)
    )
    said = (content or "") + "".join(tool_call.arguments for tool_call in tool_calls)
    return ChatResult(
        content=content,
        model=call.model,
        usage=Usage(
            prompt_tokens=estimate_messages(message_texts(call.body["messages"])),
            completion_tokens=estimate_tokens(said),
        ),
        finish_reason=finish_reason or ("tool_calls" if tool_calls else "stop"),
        tool_calls=tool_calls,
    )


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else dump_json(value)


def _chat_request(body: JsonObject) -> ChatRequest:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    tools, choice, form = body.get("tools"), body.get("tool_choice"), body.get("response_format")
    return ChatRequest(
        model=body["model"],
        messages=body["messages"],
        max_output_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        tools=tools if isinstance(tools, list) else (),
        tool_choice=choice if isinstance(choice, str | dict) else None,
        response_format=form if isinstance(form, dict) else None,
    )
