"""OpenTelemetry traces of swarms: run -> task -> attempt -> model call or tool. Off unless a collector is named.

Runs, tasks and attempts are told from what was committed, so nothing waits for a trace and a span is told once. Their
ids are not drawn but follow from what they are of: the id of a swarm is the number of its trace (``domain.ids``), so
after a crash the spans of the next process join those of the one before, and nothing about traces is stored but the
caller's ``traceparent``. What was not sent yet when the process was killed, some seconds' worth, is lost.

Names are those of the GenAI semantic conventions (open-telemetry/semantic-conventions-genai, 2026), which are still in
development; where they have none it is ``swarmd.…``. No span holds a prompt, an output, arguments or results of a
tool, or the text of an error.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING, Protocol

import structlog

from app.domain.errors import SwarmdError
from app.ports.provider import ChatProvider
from app.ports.telemetry import SwarmMetrics
from app.ports.tools import Tools

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_log = structlog.get_logger(__name__)

_NEEDED = "the package opentelemetry-exporter-otlp-proto-http is missing: pip install 'swarmd[otel]'"

_QUEUE = 16_384
"""Spans that wait to be sent. A run of 300 sub-agents at once makes more of them in the five seconds between two
sendings than the 2,048 that the SDK keeps by itself."""

LAST_WORDS_S = 3.0
"""How long a stop waits for a collector to take what is left."""


class Traces(Protocol):
    """What is told of, to whoever keeps traces."""

    def observing(self, metrics: SwarmMetrics) -> SwarmMetrics:
        """Return what is told of commits, and tells ``metrics`` too."""
        ...

    def of_provider(self, provider: ChatProvider, vendor: str | None = None, base_url: str = "") -> ChatProvider:
        """Return the provider with a span for each call.

        Args:
            vendor: whose endpoint it is; None where that is not known.
        """
        ...

    def of_tools(self, tools: Tools) -> Tools:
        """Return the tools with a span for each use."""
        ...

    def enter(self, swarm_id: str, index: int, attempt: int) -> None:
        """Calls of the current asyncio task are, from here on, those of this attempt."""
        ...


class NoTraces:
    """For a service that nobody traces."""

    def observing(self, metrics: SwarmMetrics) -> SwarmMetrics:
        return metrics

    def of_provider(self, provider: ChatProvider, vendor: str | None = None, base_url: str = "") -> ChatProvider:
        return provider

    def of_tools(self, tools: Tools) -> Tools:
        return tools

    def enter(self, swarm_id: str, index: int, attempt: int) -> None:
        """Nothing is told."""


class TracesUnavailable(SwarmdError):
    """A collector is configured, and the optional packages are not installed."""

    code = "traces_unavailable"


def is_wanted(otlp_endpoint: str | None) -> bool:
    """Return whether spans are to be sent, by the setting or by the variables that OpenTelemetry defines."""
    return otlp_endpoint is not None or _by_environment(os.environ)


def _by_environment(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    if _protocol(environ) == "grpc":  # what would be sent to a port that speaks it is lost
        return False
    return bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def _protocol(environ: Mapping[str, str]) -> str | None:
    return environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")


@asynccontextmanager
async def open_traces(otlp_endpoint: str | None, exporter: SpanExporter | None = None) -> AsyncIterator[Traces]:
    """Start what sends spans, and at the end send the last ones, for three seconds at most.

    Args:
        otlp_endpoint: address of an OTLP/HTTP collector, without ``/v1/traces``; where it is None, what OpenTelemetry's
            own variables say, which also hold for everything else: headers, sampling, the service's name.
        exporter: takes the spans instead of a collector.

    Raises:
        TracesUnavailable: an address was given, and the packages are missing. Variables are often set for a whole
            cluster and so only leave a line in the log then.
    """
    if exporter is None and not is_wanted(otlp_endpoint):
        if _protocol(os.environ) == "grpc":
            _log.warning("no_traces", reason="OTLP is spoken over HTTP only: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
        yield NoTraces()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from app.telemetry.spans import SwarmTraces, provider_of
    except ModuleNotFoundError as exc:
        if otlp_endpoint is not None:
            raise TracesUnavailable(f"otlp_endpoint: {_NEEDED}") from exc
        _log.warning("no_traces", reason=_NEEDED)
        yield NoTraces()
        return
    if exporter is None:
        exporter = OTLPSpanExporter(
            endpoint=None if otlp_endpoint is None else f"{otlp_endpoint.rstrip('/')}/v1/traces"
        )
    queue = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else _QUEUE
    spans = provider_of(BatchSpanProcessor(exporter, max_queue_size=queue))
    try:
        yield SwarmTraces(spans)
    finally:
        # In a thread that holds nobody up: a collector that hangs may take as long as its time-out, and retries.
        last = Thread(target=spans.shutdown, name="last-spans", daemon=True)
        last.start()
        await asyncio.to_thread(last.join, LAST_WORDS_S)
        if last.is_alive():
            _log.warning("spans_lost", reason=f"the collector did not take them within {LAST_WORDS_S:g} s")
