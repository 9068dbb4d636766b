"""The chunks of a streamed chat completion: each read as a piece of the answer, together as the whole answer.

The whole is read by ``wire``, from the message that the pieces make, so that both ways of asking give one result.
"""

from __future__ import annotations

from typing import Any

import orjson

from app.ports.provider import AnswerTooLarge, ChatDelta, ChatResult, MalformedAnswer, ToolCallDelta
from app.providers import wire

DONE = b"[DONE]"

_PIECE_BYTES = 16
"""A piece counts as more than its text, so that empty ones do not pile up."""


class ErrorInStream(Exception):
    """The upstream sent an error in place of a chunk; ``body`` is that event's data."""

    def __init__(self, body: bytes, status: int | None) -> None:
        super().__init__(body)
        self.body = body
        self.status = status


class _Call:
    """A tool call so far."""

    __slots__ = ("arguments", "id", "name", "number")

    def __init__(self, number: int, call_id: str) -> None:
        self.number = number
        self.id = call_id
        self.name: str | None = None
        self.arguments: list[str] = []


class StreamedAnswer:
    """What came of an answer so far.

    Args:
        requested_model: names the model where the upstream does not.
        max_bytes: of text that is kept, UTF-8.
    """

    def __init__(self, requested_model: str, max_bytes: int) -> None:
        self._requested_model = requested_model
        self._model = requested_model
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int | str, _Call] = {}
        self._finish_reason: str | None = None
        self._usage: Any = None
        self._begun = False

    @property
    def finished(self) -> bool:
        """Whether the model said why it stopped: without that word an answer may be cut off."""
        return self._finish_reason is not None

    def take(self, data: bytes) -> ChatDelta | None:
        """Read one event; None where it says nothing that a reader could be shown.

        Raises:
            MalformedAnswer: it is no chunk.
            AnswerTooLarge: the answer is longer than what is kept of one.
            ErrorInStream: it is an error.
        """
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise MalformedAnswer(f"an event of the stream is not JSON: {exc}") from exc
        if not isinstance(chunk, dict):
            raise MalformedAnswer(f"an event of the stream is a JSON {type(chunk).__name__}, not an object")
        if chunk.get("error"):
            raise ErrorInStream(data, _status_of(chunk["error"]))
        model, usage, choices = chunk.get("model"), chunk.get("usage"), chunk.get("choices")
        if isinstance(model, str) and model:
            self._model = model
        if isinstance(usage, dict):
            self._usage = usage
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return None
        choice = choices[0]
        self._begun = True
        if isinstance(choice.get("usage"), dict):  # where Moonshot has it (platform docs, 2026)
            self._usage = choice["usage"]
        if isinstance(choice.get("finish_reason"), str):
            self._finish_reason = choice["finish_reason"]
        delta = choice.get("delta")
        return self._delta(delta) if isinstance(delta, dict) else None

    def result(self) -> ChatResult:
        """Return the whole answer.

        Raises:
            MalformedAnswer: nothing came that could be one.
        """
        if not self._begun:
            raise MalformedAnswer("the stream ended without any choices")
        message: dict[str, Any] = {
            "content": "".join(self._content) if self._content else None,
            "reasoning_content": "".join(self._reasoning) if self._reasoning else None,
            "tool_calls": [
                {"id": call.id, "function": {"name": call.name, "arguments": "".join(call.arguments)}}
                for call in self._calls.values()
            ],
        }
        answer: dict[str, Any] = {"model": self._model, "usage": self._usage}
        answer["choices"] = [{"message": message, "finish_reason": self._finish_reason}]
        return wire.result_of(answer, self._requested_model)

    def _delta(self, delta: dict[str, Any]) -> ChatDelta | None:
        content = wire.content_of(delta.get("content"))
        reasoning = delta.get("reasoning_content")
        if content:
            self._keep(self._content, content)
        if reasoning and isinstance(reasoning, str):
            self._keep(self._reasoning, reasoning)
        else:
            reasoning = None
        listed = delta.get("tool_calls")
        calls = tuple(self._call(entry) for entry in listed) if listed and isinstance(listed, list) else ()
        if not (content or reasoning or calls):
            return None
        return ChatDelta(model=self._model, content=content or None, reasoning_content=reasoning, tool_calls=calls)

    def _call(self, entry: Any) -> ToolCallDelta:
        """Read a piece of a tool call; calls are numbered as they come, whatever the upstream numbers them."""
        if not isinstance(entry, dict):
            raise MalformedAnswer("a piece of a tool call is not an object")
        function = entry.get("function")
        function = function if isinstance(function, dict) else {}
        place = entry.get("index")
        if not isinstance(place, int):  # left out by some: an id begins a call, the rest goes on with the last one
            place = str(entry["id"]) if entry.get("id") else next(reversed(self._calls), "")
        call = self._calls.get(place)
        opened = call is None
        if call is None:
            number = len(self._calls)
            call = self._calls[place] = _Call(number, str(entry.get("id") or f"call_{number}"))
        name = function.get("name") if call.name is None else None
        if isinstance(name, str):
            call.name = name
        given = function.get("arguments")
        arguments = "" if given is None else wire.arguments_text(given)
        self._keep(call.arguments, arguments)
        return ToolCallDelta(
            index=call.number,
            id=call.id if opened else None,
            name=name if isinstance(name, str) else None,
            arguments=arguments,
        )

    def _keep(self, pieces: list[str], text: str) -> None:
        pieces.append(text)
        self._left -= len(text.encode()) + _PIECE_BYTES
        if self._left < 0:
            raise AnswerTooLarge(f"a streamed answer above {self._max_bytes} bytes")


def _status_of(error: Any) -> int | None:
    """Return the HTTP status that an error in a stream names as its ``code`` (OpenRouter's errors page, 2026)."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:4])
    return code if isinstance(code, int) and 400 <= code <= 599 else None
