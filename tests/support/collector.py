"""An OTLP/HTTP collector for tests, and services whose spans are kept in memory."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.ports.tools import Tool
from app.telemetry import tracing
from tests.support.tools import ToolUser, serving_tools


@dataclass(frozen=True, slots=True)
class Told:
    """A span as a collector has it; ``parent`` is empty for a root."""

    trace: str
    span: str
    parent: str
    name: str
    error: str
    begun_ns: int
    ended_ns: int


class Collector:
    """Takes what is posted to ``/v1/traces``; ``url`` is its address without that path."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.released = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((self.path, body))
                if hangs:
                    collector.released.wait(60)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[Collector]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def spans(self) -> list[Told]:
        """All that came in whole so far."""
        return [
            Told(
                trace=span.trace_id.hex(),
                span=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                name=span.name,
                error=span.status.message,
                begun_ns=span.start_time_unix_nano,
                ended_ns=span.end_time_unix_nano,
            )
            for _, body in tuple(self.requests)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Kept:
    """What a service told, for as long as it ran."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def named(self, beginning: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(beginning)]

    def one(self, beginning: str) -> ReadableSpan:
        [span] = self.named(beginning)
        return span

    def below(self, parent: ReadableSpan) -> list[str]:
        """Names of the spans right below this one, in the order of their start."""
        found = [
            span for span in self.spans if span.parent is not None and span.parent.span_id == parent.context.span_id
        ]
        return [span.name for span in sorted(found, key=lambda span: span.start_time or 0)]


@asynccontextmanager
async def traced(
    folder: Path, kept: Kept, model: ToolUser | None = None, *tools: Tool, **settings: Any
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service that tells ``kept`` its spans; all of them are there once the block has ended."""
    opened = tracing.open_traces

    def into_memory(otlp_endpoint: str | None) -> Any:
        return opened(otlp_endpoint, kept.exporter)

    with mock.patch("app.sub_agents.open_traces", into_memory):
        async with serving_tools(folder, model, *tools, otlp_endpoint="http://127.0.0.1:9", **settings) as client:
            yield client
