"""Spans of model calls and of tools, which run while they are told of. Imported only where traces are wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from app.ports.provider import ChatDelta, ChatProvider, ChatRequest, ChatResult, ProviderError, Sink
from app.ports.tools import Tool, ToolContext, ToolRefused, ToolResult, Tools, ToolSpec
from app.telemetry import trace_context

_VENDORS = {"moonshot": "moonshot_ai"}
"""What the conventions call a vendor by another name than we."""

_REQUESTED = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
_MAX_NAME = 100


class CallSpans:
    """Makes the spans of calls, each below the attempt whose asyncio task makes it, or below the request's caller."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._attempt: ContextVar[Context | None] = ContextVar("attempt", default=None)

    def enter(self, attempt: Context) -> None:
        self._attempt.set(attempt)

    @contextmanager
    def span(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> Iterator[Span]:
        """Time what is done in the block; what it raises becomes the kind of the error, never its text."""
        span = self._tracer.start_span(name, self._parent(), kind=kind, attributes=attributes)
        try:
            yield span
        except asyncio.CancelledError:
            _fail(span, "cancelled")  # asked for, or its time was up: the attempt's span says which
            raise
        except ProviderError as exc:
            _fail(span, exc.kind)
            raise
        except ToolRefused:
            _fail(span, "refused")
            raise
        except Exception as exc:
            _fail(span, type(exc).__name__)
            raise
        finally:
            span.end()

    def _parent(self) -> Context:
        attempt = self._attempt.get()
        if attempt is not None:
            return attempt
        caller = trace_context.read(trace_context.of_request())
        return Context() if caller is None else context_of(caller)


class TracedProvider:
    """A provider each of whose calls is a span."""

    def __init__(self, inner: ChatProvider, spans: CallSpans, vendor: str | None, base_url: str) -> None:
        self.name = inner.name
        self._inner = inner
        self._spans = spans
        self._attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _VENDORS.get(vendor, vendor) if vendor else inner.name,
        }
        address = urlsplit(base_url)
        if address.hostname:
            self._attributes["server.address"] = address.hostname
            self._attributes["server.port"] = address.port or (443 if address.scheme == "https" else 80)

    async def complete(self, request: ChatRequest) -> ChatResult:
        with self._span(request, {}) as span:
            result = await self._inner.complete(request)
            tell_answer(span, result)
        return result

    async def stream(self, request: ChatRequest, sink: Sink) -> ChatResult:
        with self._span(request, {"gen_ai.request.stream": True}) as span:
            started = time.monotonic()
            written = False

            async def timed(piece: ChatDelta) -> None:
                nonlocal written
                if not written:
                    written = True
                    span.set_attribute("gen_ai.response.time_to_first_chunk", time.monotonic() - started)
                await sink(piece)

            result = await self._inner.stream(request, timed)
            tell_answer(span, result)
        return result

    async def models(self) -> Sequence[str]:
        return await self._inner.models()

    def _span(self, request: ChatRequest, further: Mapping[str, Any]) -> AbstractContextManager[Span]:
        attributes = {**self._attributes, "gen_ai.request.model": request.model, **further}
        if request.max_output_tokens is not None:
            attributes["gen_ai.request.max_tokens"] = request.max_output_tokens
        for option, name in _REQUESTED.items():
            value = request.options.get(option)
            if isinstance(value, int | float):
                attributes[name] = value
        if request.response_format is not None:
            attributes["gen_ai.output.type"] = "json"
        return self._spans.span(f"chat {request.model[:_MAX_NAME]}", SpanKind.CLIENT, attributes)


class TracedTools:
    """The tools, each use of which is a span."""

    def __init__(self, inner: Tools, spans: CallSpans) -> None:
        self._inner = inner
        self._spans = spans

    def find(self, name: str) -> Tool | None:
        tool = self._inner.find(name)
        return None if tool is None else _TracedTool(tool, self._spans)

    def all(self) -> Sequence[Tool]:
        return self._inner.all()


class _TracedTool:
    def __init__(self, inner: Tool, spans: CallSpans) -> None:
        self._inner = inner
        self._spans = spans

    @property
    def spec(self) -> ToolSpec:
        return self._inner.spec

    def unavailable(self) -> str | None:
        return self._inner.unavailable()

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
        name = self.spec.name
        *_, call_id = context.run_key.split("/", 3)
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id,
            "gen_ai.agent.id": context.sub_agent_id,
            "swarmd.swarm.id": context.swarm_id,
            "swarmd.task.id": context.task_id,
        }
        with self._spans.span(f"execute_tool {name}", SpanKind.INTERNAL, attributes) as span:
            result = await self._inner.run(context, arguments)
            if result.is_error:
                _fail(span, "tool_error")
        return result


def context_of(caller: trace_context.Caller) -> Context:
    """Return what spans are started with that are below the caller's."""
    flags = TraceFlags(TraceFlags.SAMPLED if caller.sampled else TraceFlags.DEFAULT)
    return below(SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=flags))


def below(parent: SpanContext) -> Context:
    return set_span_in_context(NonRecordingSpan(parent), Context())


def tell_answer(span: Span, result: ChatResult) -> None:
    """Put on the span what came back, without any of its text."""
    span.set_attribute("gen_ai.response.model", _sendable(result.model))
    span.set_attribute("gen_ai.response.finish_reasons", [_sendable(result.finish_reason)])
    if result.usage_reported:
        span.set_attribute("gen_ai.usage.input_tokens", result.usage.prompt_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", result.usage.completion_tokens)
        span.set_attribute("gen_ai.usage.cache_read.input_tokens", result.usage.cached_tokens)


def _sendable(text: str) -> str:
    """Return what providers made up as UTF-8 can hold it: one lone surrogate would lose all spans sent along."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))
