"""``swarmd mock-model``: the mock model server as a command; every option is a field of ``MockModelConfig``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from app.providers.mock_model import MockModelConfig, run

Share: TypeAlias = Annotated[float, typer.Option(min=0, max=1, rich_help_panel="Faults (share of requests, 0 to 1)")]


def mock_model(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    latency_ms: Annotated[float, typer.Option(min=0, help="Time from a request to its answer.")] = 0.0,
    latency_jitter_ms: Annotated[float, typer.Option(min=0, help="Uniform spread to both sides of the latency.")] = 0.0,
    reply: Annotated[
        str | None, typer.Option(help="Answer with this text and run no model: what benchmarks want.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="SWARMD_MOCK_API_KEY", help="Bearer to let in; all others get 401.")
    ] = None,
    call_log: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File that gets a JSON line for each call event.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="422 on unknown body fields.")] = False,
    seed: Annotated[int, typer.Option(help="Decides, with the content, which requests suffer a fault.")] = 0,
    rate_limit: Annotated[float, typer.Option(min=0, help="Hidden limit, requests a second; 0 is none.")] = 0.0,
    concurrency_limit: Annotated[int, typer.Option(min=0, help="Hidden limit, requests in flight; 0 is none.")] = 0,
    context_tokens: Annotated[
        int, typer.Option(min=0, help="Context: 400 for a prompt and highest completion above it; 0 is none.")
    ] = 0,
    error_rate: Share = 0.0,
    error_status: Annotated[int, typer.Option(min=400, max=599, help="Status of those errors.")] = 500,
    hang_rate: Share = 0.0,
    reset_rate: Share = 0.0,
    reset_point: Annotated[str, typer.Option(help="Where a reset comes: before, body or after.")] = "body",
    truncate_rate: Share = 0.0,
    garbage_rate: Share = 0.0,
    empty_choices_rate: Share = 0.0,
    null_content_rate: Share = 0.0,
    no_usage_rate: Share = 0.0,
    tool_garbage_rate: Share = 0.0,
    bad_utf8_rate: Share = 0.0,
    surrogate_rate: Share = 0.0,
    stall_rate: Share = 0.0,
    error_midway_rate: Share = 0.0,
    slow_body: Annotated[float, typer.Option(min=0, help="Bytes a second answers are written at; 0 is at once.")] = 0.0,
    huge_body_mb: Annotated[float, typer.Option(min=0, help="Pad every answer to this many megabytes.")] = 0.0,
) -> None:
    """Serve the offline model as an OpenAI-compatible endpoint, with delays, limits and faults on demand.

    Prints one line, "mock-model listening on http://HOST:PORT/v1", when it is ready.
    """
    try:
        config = MockModelConfig(
            host=host,
            port=port,
            latency_ms=latency_ms,
            latency_jitter_ms=latency_jitter_ms,
            error_rate=error_rate,
            error_status=error_status,
            rate_limit=rate_limit,
            concurrency_limit=concurrency_limit,
            context_tokens=context_tokens,
            hang_rate=hang_rate,
            reset_rate=reset_rate,
            reset_point=reset_point,
            truncate_rate=truncate_rate,
            garbage_rate=garbage_rate,
            empty_choices_rate=empty_choices_rate,
            null_content_rate=null_content_rate,
            no_usage_rate=no_usage_rate,
            tool_garbage_rate=tool_garbage_rate,
            bad_utf8_rate=bad_utf8_rate,
            surrogate_rate=surrogate_rate,
            stall_rate=stall_rate,
            error_midway_rate=error_midway_rate,
            slow_body=slow_body,
            huge_body_mb=huge_body_mb,
            seed=seed,
            reply=reply,
            api_key=api_key,
            call_log=None if call_log is None else str(call_log),
            strict=strict,
        )
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    run(config)
