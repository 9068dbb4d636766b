"""OpenAI's chat wire format as bytes: completions, server-sent chunks, errors, and the faults that live in a body."""

from __future__ import annotations

from typing import Any

import orjson

from app.ports.provider import ChatResult, JsonObject

CREATED = 1_767_225_600
"""A fixed ``created`` (2026-01-01): answers to the same request are the same bytes."""

CHUNK_CHARACTERS = 24
"""Text in one streamed delta; a few words, as real upstreams send."""

GARBAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"

BODY_FIELDS = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Fields that ``strict`` lets pass: OpenAI's chat completions reference, and ``thinking`` of Moonshot's (2026)."""


def completion(result: ChatResult, model: str, n: int) -> JsonObject:
    """The body of a chat completion that says ``result``; ``n`` numbers the answer."""
    message: JsonObject = {"role": "assistant", "content": result.content}
    if result.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in result.tool_calls
        ]
    return {
        "id": f"chatcmpl-mock-{n}",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": result.finish_reason}],
        "usage": {
            "prompt_tokens": result.usage.prompt_tokens,
            "completion_tokens": result.usage.completion_tokens,
            "total_tokens": result.usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": result.usage.cached_tokens},
        },
    }


def spoil(body: JsonObject, fault: str | None, pad_mb: float) -> JsonObject:
    """Apply the faults that keep the body valid JSON; changes ``body`` and returns it."""
    choices: list[JsonObject] = body["choices"]
    message: JsonObject = choices[0]["message"]
    if pad_mb > 0:
        message["content"] = (message["content"] or "").ljust(int(pad_mb * 1_000_000), "x")
    if fault == "empty_choices":
        body["choices"] = []
    elif fault == "null_content":
        message["content"] = None
    elif fault == "no_usage":
        del body["usage"]
    elif fault == "tool_garbage":
        message["content"] = None
        message["tool_calls"] = [
            {"id": "call_1", "type": "function", "function": {"name": "no_such_tool", "arguments": '{"query": "unfini'}}
        ]
        choices[0]["finish_reason"] = "tool_calls"
    return body


def damage(pieces: list[bytes], fault: str | None) -> list[bytes]:
    """Apply the faults that break the bytes: truncation, an error instead of the rest, invalid UTF-8, an escaped lone
    surrogate, an HTML page."""
    if fault == "garbage":
        return [GARBAGE]
    if fault == "truncate":
        whole = b"".join(pieces)
        return [whole[: len(whole) // 2]]
    if fault == "error_midway":
        said = {"message": "The server had an error while it answered", "type": "server_error", "code": None}
        return [*pieces[: len(pieces) // 2], event({"error": said})]
    if fault == "bad_utf8":
        return [piece.replace(b'"content":"', b'"content":"\xff\xfe\x80', 1) for piece in pieces]
    if fault == "surrogate":
        return [piece.replace(b'"content":"', b'"content":"\\ud800', 1) for piece in pieces]
    return pieces


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def chunks(body: JsonObject, *, include_usage: bool) -> list[bytes]:
    """A completion as the server-sent events of ``stream: true``.

    With ``include_usage`` the last chunk before ``[DONE]`` has no choices and carries the usage, as OpenAI sends it.
    """
    frame = {**body, "object": "chat.completion.chunk"}
    usage = frame.pop("usage", None)
    if include_usage:
        frame["usage"] = None
    choices: list[JsonObject] = body["choices"]
    if not choices:
        return [event({**frame, "choices": []}), b"data: [DONE]\n\n"]
    message: JsonObject = choices[0]["message"]
    deltas: list[JsonObject] = [{"role": "assistant", "content": "" if message["content"] else None}]
    text: str = message["content"] or ""
    size = max(CHUNK_CHARACTERS, len(text) // 2000)
    deltas += [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments: str = call["function"]["arguments"]
        half = len(arguments) // 2
        opening = {**call, "index": index, "function": {**call["function"], "arguments": arguments[:half]}}
        deltas.append({"tool_calls": [opening]})
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
    pieces = [event({**frame, "choices": [{"index": 0, "delta": d, "finish_reason": None}]}) for d in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": choices[0]["finish_reason"]}
    pieces.append(event({**frame, "choices": [end]}))
    if include_usage and usage is not None:
        pieces.append(event({**frame, "choices": [], "usage": usage}))
    pieces.append(b"data: [DONE]\n\n")
    return pieces


def error(message: str, *, kind: str, code: str | None, param: str | None = None) -> bytes:
    """OpenAI's error envelope."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


class FixedReply:
    """The body of a fixed reply, built once but for its number, model and prompt tokens: benchmarks measure clients."""

    def __init__(self, text: str, completion_tokens: int) -> None:
        self._tail = (
            b'","choices":[{"index":0,"message":{"role":"assistant","content":'
            + orjson.dumps(text)
            + b'},"logprobs":null,"finish_reason":"stop"}],"usage":{"completion_tokens":%d,"prompt_tokens":'
            % completion_tokens
        )
        self._completion_tokens = completion_tokens

    def body(self, model: str, n: int, prompt_tokens: int) -> bytes:
        return (
            b'{"id":"chatcmpl-mock-%d","object":"chat.completion","created":%d,"model":"%b%b%d,"total_tokens":%d}}'
            % (
                n,
                CREATED,
                orjson.dumps(model)[1:-1],
                self._tail,
                prompt_tokens,
                prompt_tokens + self._completion_tokens,
            )
        )
