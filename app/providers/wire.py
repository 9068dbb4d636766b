"""The OpenAI chat-completions wire format: our values to a body, an answer to our values.

Vendors differ in small ways; what a vendor wants is in its ``Profile``. Strict upstreams answer 422 to fields they do
not know, so nothing is sent that the request does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from app.domain.usage import NANO_USD, Usage
from app.ports.provider import ChatRequest, ChatResult, MalformedAnswer, ToolCall


@dataclass(frozen=True, slots=True)
class Profile:
    """What one vendor's endpoint wants.

    Attributes:
        max_tokens_field: name of the completion cap. ``max_tokens`` is what vLLM, Ollama and DeepSeek take; OpenAI
            (API reference, 2026) and Moonshot (platform docs, 2026) want ``max_completion_tokens``.
        fixed_sampling: the endpoint fixes temperature, top_p, n and the penalties and refuses requests that set them
            (Moonshot kimi-k2.x, platform docs, 2026).
    """

    max_tokens_field: str = "max_tokens"
    fixed_sampling: bool = False


PROFILES = {
    "generic": Profile(),
    "openai": Profile(max_tokens_field="max_completion_tokens"),
    "moonshot": Profile(max_tokens_field="max_completion_tokens", fixed_sampling=True),
    "deepseek": Profile(),
}

_SAMPLING = frozenset({"temperature", "top_p", "n", "presence_penalty", "frequency_penalty"})


def encode(request: ChatRequest, profile: Profile, **more: Any) -> bytes:
    """Return the JSON body of ``request``, with ``more`` fields."""
    body: dict[str, Any] = {"model": request.model, "messages": list(request.messages), **more}
    if request.max_output_tokens is not None:
        body[profile.max_tokens_field] = request.max_output_tokens
    if request.tools:
        body["tools"] = list(request.tools)
    if request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    if request.response_format is not None:
        body["response_format"] = request.response_format
    refused = _SAMPLING if profile.fixed_sampling else frozenset()
    body |= {name: value for name, value in request.options.items() if name not in refused}
    return orjson.dumps(body)


def decode(body: bytes, requested_model: str) -> ChatResult:
    """Read a chat completion.

    Raises:
        MalformedAnswer: the body is not one; the message says what was wrong with it.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedAnswer(f"the answer is not JSON: {exc}") from exc
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"the answer is a JSON {type(answer).__name__}, not an object")
    return result_of(answer, requested_model)


def result_of(answer: dict[str, Any], requested_model: str) -> ChatResult:
    """Read the JSON object of a chat completion.

    Raises:
        MalformedAnswer: it is not one.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise MalformedAnswer("the answer has no choices")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise MalformedAnswer("the first choice has no message")
    usage = answer.get("usage")
    model = answer.get("model")
    finish_reason = choices[0].get("finish_reason")
    reasoning = message.get("reasoning_content")
    return ChatResult(
        content=content_of(message.get("content")),
        model=model if isinstance(model, str) and model else requested_model,
        usage=_usage(usage) if isinstance(usage, dict) else Usage(),
        usage_reported=isinstance(usage, dict),
        cost_nano_usd=_cost(usage.get("cost")) if isinstance(usage, dict) else None,
        finish_reason=finish_reason if isinstance(finish_reason, str) else "stop",
        tool_calls=_tool_calls(message.get("tool_calls")),
        reasoning_content=reasoning if isinstance(reasoning, str) else None,
    )


def content_of(content: Any) -> str | None:
    """Return the text of a message's content, which some send in parts.

    Raises:
        MalformedAnswer: it is neither.
    """
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    raise MalformedAnswer(f"the message's content is a JSON {type(content).__name__}")


def _tool_calls(calls: Any) -> tuple[ToolCall, ...]:
    if not calls:
        return ()
    if not isinstance(calls, list):
        raise MalformedAnswer("tool_calls is not a list")
    result = []
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise MalformedAnswer(f"tool call {index} names no function")
        arguments = function.get("arguments")
        text = arguments_text(arguments)
        result.append(ToolCall(id=str(call.get("id") or f"call_{index}"), name=function["name"], arguments=text))
    return tuple(result)


def arguments_text(arguments: Any) -> str:
    """Return the arguments of a tool call as JSON text, which some send as an object.

    Raises:
        MalformedAnswer: they cannot be read.
    """
    if isinstance(arguments, str):
        return arguments
    try:
        return orjson.dumps(arguments or {}).decode()
    except orjson.JSONEncodeError as exc:
        raise MalformedAnswer(f"the arguments of a tool call cannot be read: {exc}") from exc


def _usage(usage: dict[str, Any]) -> Usage:
    """Cached tokens: OpenAI nests them, Moonshot has ``cached_tokens``, DeepSeek ``prompt_cache_hit_tokens``."""
    details = usage.get("prompt_tokens_details")
    nested = details.get("cached_tokens") if isinstance(details, dict) else None
    cached = nested or usage.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    prompt = _count(usage.get("prompt_tokens"))
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=min(_count(cached), prompt),
    )


def _count(value: Any) -> int:
    """A token count; what is not a sane one counts as 0, since usage must not fail an answer that was paid for."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value < 2**53 else 0


def _cost(value: Any) -> int | None:
    """The provider's own bill in dollars (``usage.cost``, as OpenRouter sends it), as nano-dollars."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        return None
    if not cost.is_finite() or not 0 <= cost < 10**6:
        return None
    return int((cost * NANO_USD).to_integral_value())
