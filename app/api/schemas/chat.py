"""OpenAI's shapes: chat completions and models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import InvalidRequest
from app.domain.usage import usd
from app.ports.provider import ChatRequest
from app.services.chat import Completion

_PASSED_ON = (
    "temperature",
    "top_p",
    "n",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
    "user",
    "thinking",
    "reasoning_effort",
    "parallel_tool_calls",
)
"""The only body fields that reach the provider as they are: nothing a client sends can change URL, headers or key."""


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = Field(
        None,
        description="Words or parts; parts reach the provider as they are, but for the id of an uploaded file as the"
        " `url` of an `image_url` or `video_url` (`fil_…`), which becomes a data URI",
    )


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = Field(None, description="Usage in a chunk of its own, the last before `[DONE]`")


class ChatCompletionCreate(BaseModel):
    """OpenAI's request; `context` is folded into the prompt. A field that is not listed is ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(
        min_length=1,
        max_length=300,
        description="As `GET /v1/models` lists them. `swarm/<orchestrator>`, by id or name, runs a swarm on the last"
        " user message",
    )
    messages: list[ChatMessage] = Field(min_length=1, max_length=10_000)
    stream: bool | None = Field(None, description="Answer in server-sent events while the answer is written")
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    n: int | None = Field(None, ge=1, le=1, description="1 in this version")
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    user: str | None = None
    thinking: bool | dict[str, Any] | None = Field(
        None,
        description='Whether the model thinks before it answers: true, false, or `{"type": "enabled"}` as some'
        " vendors have it; sent in the way that the model's vendor takes",
    )
    reasoning_effort: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] | None = Field(None, description="Seconds; default 300")
    context: Any = Field(None, description="Anything the model should know: folded into the prompt as JSON")

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    def check(self) -> None:
        """Check what no single field tells.

        Raises:
            InvalidRequest: options of a stream without a stream.
        """
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest.field("/stream_options", "is taken only with stream: true")

    def context_text(self) -> str | None:
        """Return ``context`` as text; None for none."""
        if self.context in (None, "", [], {}):
            return None
        return self.context if isinstance(self.context, str) else orjson.dumps(self.context).decode()

    def to_domain(self, default_timeout_s: float) -> ChatRequest:
        messages = [message.model_dump(exclude_unset=True) for message in self.messages]
        if (text := self.context_text()) is not None:
            leading = next((index for index, message in enumerate(messages) if message["role"] == "user"), 0)
            messages.insert(leading, {"role": "system", "content": f"## Context\n{text}"})
        options = {name: getattr(self, name) for name in _PASSED_ON if getattr(self, name) is not None}
        return ChatRequest(
            model=self.model,
            messages=messages,
            max_output_tokens=self.max_completion_tokens or self.max_tokens,
            timeout_s=self.timeout or default_timeout_s,
            tools=self.tools or (),
            tool_choice=self.tool_choice,
            response_format=self.response_format,
            options=options,
        )


class ChatUsage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]
    cost: float | None = Field(description="US dollars; null where no price is known")


class AnsweringSwarm(BaseModel):
    """The run that gave an answer."""

    swarm_id: str
    status: str
    missing: int = Field(description="Tasks that did not complete")


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: ChatUsage
    latency_ms: float
    requested_model: str
    swarm: AnsweringSwarm | None = Field(None, description="Only where `model` was a swarm")


class ChatCompletionChunk(BaseModel):
    """One event of a stream. The last before `[DONE]` has what a whole answer adds: `latency_ms` and `usage.cost`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: ChatUsage | None = None
    latency_ms: float | None = None
    requested_model: str | None = None
    swarm: AnsweringSwarm | None = None


class OpenAIError(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorEnvelope(BaseModel):
    error: OpenAIError


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]


def completion_json(completion_id: str, created_s: int, completion: Completion) -> dict[str, Any]:
    result = completion.result
    message: dict[str, Any] = {"role": "assistant", "content": result.content}
    if result.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in result.tool_calls
        ]
    if result.reasoning_content is not None:
        message["reasoning_content"] = result.reasoning_content
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created_s,
        "model": result.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": result.finish_reason}],
        "usage": {
            "prompt_tokens": result.usage.prompt_tokens,
            "completion_tokens": result.usage.completion_tokens,
            "total_tokens": result.usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": result.usage.cached_tokens},
            "cost": usd(completion.cost_nano_usd),
        },
        "latency_ms": completion.latency_ms,
        "requested_model": completion.requested_model,
    }
