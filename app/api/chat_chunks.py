"""The events of a streamed chat completion, as OpenAI's SDKs read them (API reference, chat/streaming, 2026)."""

from __future__ import annotations

from typing import Any

import orjson

from app.ports.provider import ChatDelta, ToolCallDelta

DONE = b"data: [DONE]\n\n"


class Chunks:
    """Args:
    model: as the answer names it.
    include_usage: usage in an event of its own at the end, as asked for by ``stream_options``; else it stands in the
        last one.
    """

    def __init__(self, completion_id: str, created_s: int, model: str, *, include_usage: bool) -> None:
        self._frame = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": created_s,
            "model": model,
        }
        self._include_usage = include_usage
        # All but the delta is the same in each: it is serialised once.
        self._head = b"data: " + orjson.dumps(self._frame)[:-1] + b',"choices":[{"index":0,"delta":'
        self._tail = b',"logprobs":null,"finish_reason":null}]' + (b',"usage":null}\n\n' if include_usage else b"}\n\n")

    def role(self) -> bytes:
        """Return the first event."""
        return self._event({"role": "assistant", "content": ""})

    def piece(self, delta: ChatDelta) -> bytes:
        fields: dict[str, Any] = {}
        if delta.content is not None:
            fields["content"] = delta.content
        if delta.reasoning_content is not None:
            fields["reasoning_content"] = delta.reasoning_content
        if delta.tool_calls:
            fields["tool_calls"] = [_tool_call(call) for call in delta.tool_calls]
        return self._event(fields)

    def end(self, completion: dict[str, Any]) -> bytes:
        """Return the last events of an answer whose whole is ``completion``, in OpenAI's shape."""
        told = {name: value for name, value in completion.items() if name not in {*self._frame, "choices", "usage"}}
        finish_reason = completion["choices"][0]["finish_reason"]
        choices = [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish_reason}]
        if not self._include_usage:
            return _data({**self._frame, "choices": choices, "usage": completion["usage"], **told}) + DONE
        return (
            _data({**self._frame, "choices": choices, "usage": None})
            + _data({**self._frame, "choices": [], "usage": completion["usage"], **told})
            + DONE
        )

    def whole(self, completion: dict[str, Any]) -> bytes:
        """Return all events of an answer that was given before."""
        message = completion["choices"][0]["message"]
        calls = [
            ToolCallDelta(index=index, id=call["id"], **call["function"])
            for index, call in enumerate(message.get("tool_calls", ()))
        ]
        delta = ChatDelta(
            model=completion["model"],
            content=message["content"] or None,
            reasoning_content=message.get("reasoning_content"),
            tool_calls=tuple(calls),
        )
        empty = delta == ChatDelta(model=delta.model)
        return self.role() + (b"" if empty else self.piece(delta)) + self.end(completion)

    def _event(self, delta: dict[str, Any]) -> bytes:
        return b"".join((self._head, orjson.dumps(delta), self._tail))


def _tool_call(call: ToolCallDelta) -> dict[str, Any]:
    """The first piece of a call says what it is; the others only go on with its arguments."""
    function = {"arguments": call.arguments} if call.name is None else {"name": call.name, "arguments": call.arguments}
    opening = {} if call.id is None else {"id": call.id, "type": "function"}
    return {"index": call.index, **opening, "function": function}


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
