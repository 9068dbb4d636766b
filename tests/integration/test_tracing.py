"""The trace of a swarm, as whoever asked for it and a collector see it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from app.domain.ids import number_of
from app.ports.provider import Refused, Unavailable
from app.ports.tools import ToolContext, ToolRefused
from app.telemetry import tracing
from tests.support.collector import Collector, Kept, traced
from tests.support.driving import QUICK, ended, run, until
from tests.support.service import ROOT, MockModelProcess, ServiceProcess, clean_environment, poll
from tests.support.stage import accepted
from tests.support.tool_runs import WITH, once
from tests.support.tools import Probe, ToolUser, answer_of, calling

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNRECORDED = CALLER[:-2] + "00"
SECRET = "sesame-4711"
DOWN = "provider_unavailable"
NOTHING_LISTENS = "http://127.0.0.1:9"


async def asked(client: httpx2.AsyncClient, traceparent: str | None) -> str:
    """Start a run and wait for its end; returns its id."""
    headers = {} if traceparent is None else {"traceparent": traceparent}
    body = {"tasks": [{"id": "t", "prompt": "x"}]}
    found = accepted(await client.post("/v1/swarms?wait=20", json=body, headers=headers), 201)
    assert found["status"] == "completed"
    return str(found["swarm_id"])


def was_asked(model: ToolUser, more_than: int) -> bool:
    return len(model.asked) > more_than


# --- what a trace has ------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_run_is_a_tree_down_to_its_model_calls_and_tools(tmp_path: Path) -> None:
    kept = Kept()
    async with traced(tmp_path, kept, once("probe"), Probe()) as client:
        found = await run(client, [{"id": "t", "prompt": "Count.", **WITH}], name="counting")

    swarm_id = found["swarm_id"]
    root, task, attempt = kept.one("invoke_workflow"), kept.one("invoke_agent"), kept.one("attempt")
    assert root.name == "invoke_workflow counting"
    assert root.parent is None
    assert {span.context.trace_id for span in kept.spans} == {number_of(swarm_id)}
    assert kept.below(root) == ["invoke_agent"]
    assert kept.below(task) == ["attempt"]
    assert kept.below(attempt) == ["chat offline", "execute_tool probe", "chat offline"]
    assert root.attributes is not None
    assert root.attributes["swarmd.swarm.id"] == swarm_id
    assert root.attributes["swarmd.status"] == "completed"
    assert root.attributes["swarmd.tokens.input"] == 20
    assert task.attributes is not None
    assert task.attributes["swarmd.task.id"] == "t"


@pytest.mark.anyio
async def test_calls_carry_the_names_of_the_genai_conventions(tmp_path: Path) -> None:
    kept = Kept()
    async with traced(tmp_path, kept, once("probe"), Probe()) as client:
        await run(client, [{"id": "t", "max_output_tokens": 77, **WITH}])

    call, tool = kept.named("chat")[0], kept.one("execute_tool")
    assert dict(call.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "offline",
        "gen_ai.request.model": "offline",
        "gen_ai.request.max_tokens": 77,
        "gen_ai.response.model": "scripted",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.cache_read.input_tokens": 0,
    }
    named = {key: value for key, value in (tool.attributes or {}).items() if key.startswith("gen_ai.tool")}
    assert named == {"gen_ai.tool.name": "probe", "gen_ai.tool.type": "function", "gen_ai.tool.call.id": "c0"}


@pytest.mark.anyio
async def test_each_attempt_has_its_span_and_the_kind_of_its_error(tmp_path: Path) -> None:
    model, kept = ToolUser(), Kept()
    model.failing = {0: [Unavailable("down"), Unavailable("still down")]}
    async with traced(tmp_path, kept, model) as client:
        await run(client, [{"id": "t"}], retry=QUICK)

    attempts = sorted(kept.named("attempt"), key=lambda span: span.start_time or 0)
    assert [(span.attributes or {}).get("error.type") for span in attempts] == [DOWN, DOWN, None]
    assert [(span.attributes or {}).get("error.type") for span in kept.named("chat")] == [
        DOWN,
        DOWN,
        None,
    ]
    assert kept.below(kept.one("invoke_agent")) == ["attempt", "attempt", "attempt"]


@pytest.mark.anyio
async def test_no_span_tells_what_was_said(tmp_path: Path) -> None:
    async def tell(_: ToolContext, __: Any) -> str:
        return f"result {SECRET}"

    async def refuse(_: ToolContext, __: Any) -> str:
        raise ToolRefused(f"not with {SECRET}")

    schema = {"type": "object", "properties": {"n": {"type": "string"}}}
    calls = [calling("tells", {"n": SECRET}, "a"), calling("refuses", {"n": SECRET}, "b")]
    model = ToolUser(answer_of(*calls, reasoning_content=SECRET), answer_of(f"answer {SECRET}"))
    model.failing = {0: [Refused(f"the key {SECRET} is wrong")]}
    tools = Probe("tells", tell, parameters=schema), Probe("refuses", refuse, parameters=schema)
    kept = Kept()
    async with traced(tmp_path, kept, model, *tools) as client:
        listed = {"tools": ["tells", "refuses"]}
        failed = await run(
            client, [{"id": "t", "prompt": SECRET, "data": {"x": SECRET}, **listed}], system_prompt=SECRET
        )
        done = await run(client, [{"id": "t", "prompt": SECRET, "data": {"x": SECRET}, **listed}], system_prompt=SECRET)

    assert (failed["status"], done["status"]) == ("failed", "completed")
    assert len(kept.named("execute_tool")) == 2
    assert [span.to_json() for span in kept.spans if SECRET in span.to_json()] == []


@pytest.mark.anyio
async def test_what_runs_again_on_request_is_another_span_of_the_same_trace(tmp_path: Path) -> None:
    model, kept = ToolUser(), Kept()
    model.failing = {0: [Refused("no"), Refused("no")]}
    async with traced(tmp_path, kept, model) as client:
        found = await run(client, [{"id": "t"}])
        for asked_before in (1, 2):
            accepted(await client.post(f"/v1/swarms/{found['swarm_id']}/retry"), 202)
            # What is asked is asked after the run was put back, so from then on an end is a new one.
            await until(partial(was_asked, model, asked_before))
            await ended(client, f"/v1/swarms/{found['swarm_id']}")

    identities = [span.context.span_id for span in kept.spans]
    assert len(identities) == len(set(identities))
    assert len(kept.named("invoke_workflow")) == len(kept.named("invoke_agent")) == 3
    assert {span.context.trace_id for span in kept.spans} == {number_of(found["swarm_id"])}
    for root in kept.named("invoke_workflow"):
        assert kept.below(root) == ["invoke_agent"]


# --- whose trace it is -----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_run_belongs_to_the_trace_of_who_asked_for_it(tmp_path: Path) -> None:
    kept = Kept()
    async with traced(tmp_path, kept) as client:
        await asked(client, CALLER)
        await run(client, [{"prompt": "x"}])  # the next request says nothing of a trace

    theirs, ours = kept.named("invoke_workflow")
    assert f"{theirs.context.trace_id:032x}" == CALLER.split("-")[1]
    assert theirs.parent is not None
    assert f"{theirs.parent.span_id:016x}" == CALLER.split("-")[2]
    assert ours.parent is None
    assert ours.context.trace_id != theirs.context.trace_id


@pytest.mark.anyio
async def test_a_caller_who_records_nothing_gets_no_spans(tmp_path: Path) -> None:
    kept = Kept()
    async with traced(tmp_path, kept) as client:
        await asked(client, UNRECORDED)

    assert kept.spans == ()


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_through_the_gateway_is_below_its_caller(tmp_path: Path, stream: bool) -> None:
    kept = Kept()
    body = {"model": "offline", "messages": [{"role": "user", "content": "Say hello."}], "stream": stream}
    async with traced(tmp_path, kept) as client:
        answer = await client.post("/v1/chat/completions", json=body, headers={"traceparent": CALLER})
        assert answer.status_code == 200

    [call] = kept.spans
    assert call.name == "chat offline"
    assert f"{call.context.trace_id:032x}" == CALLER.split("-")[1]
    assert call.parent is not None
    assert f"{call.parent.span_id:016x}" == CALLER.split("-")[2]
    assert ("gen_ai.response.time_to_first_chunk" in (call.attributes or {})) == stream


@pytest.mark.anyio
async def test_the_caller_is_not_shown_nor_handed_on(tmp_path: Path) -> None:
    """A fork is somebody else's wish; and the context of a trace is nothing that the API tells."""
    kept = Kept()
    async with traced(tmp_path, kept) as client:
        body = {"tasks": [{"id": "t", "prompt": "x"}]}
        made = await client.post("/v1/swarms?wait=20", json=body, headers={"traceparent": CALLER})
        assert CALLER.split("-")[1] not in made.text
        accepted(await client.post(f"/v1/swarms/{made.json()['swarm_id']}/fork?wait=20", json={}), 202)
        await asked(client, None)

    assert [span.parent is None for span in kept.named("invoke_workflow")] == [False, True, True]


@pytest.mark.anyio
async def test_a_sampler_takes_runs_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    kept = Kept()
    async with traced(tmp_path, kept) as client:
        ids = [number_of(await asked(client, None)) for _ in range(10)]

    judge = TraceIdRatioBased(0.5)
    taken = {one for one in ids if judge.should_sample(None, one, "").decision is Decision.RECORD_AND_SAMPLE}
    assert Counter(span.context.trace_id for span in kept.spans) == dict.fromkeys(taken, 4)


@pytest.mark.anyio
async def test_a_fault_in_a_trace_is_no_fault_of_the_run(tmp_path: Path) -> None:
    kept = Kept()
    with mock.patch("app.telemetry.spans.SwarmTraces.committed", side_effect=RuntimeError("a bug")):
        async with traced(tmp_path, kept) as client:
            await asked(client, None)

    assert [span.name for span in kept.spans] == ["chat offline"]


# --- over the wire ---------------------------------------------------------------------------------------------------


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().running() as running:
        yield running


def test_a_trace_goes_on_after_a_kill(tmp_path: Path, collector: Collector) -> None:
    body = {"tasks": [{"id": f"t{n}", "prompt": "x"} for n in range(12)], "limits": {"max_parallel_agents": 2}}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    with ExitStack() as stack:
        model = stack.enter_context(MockModelProcess(tmp_path, "--latency-ms", "150"))
        service = stack.enter_context(ServiceProcess(tmp_path, *model.as_provider(), **env))
        with service.client() as client:
            swarm_id = client.post("/v1/swarms", json=body, headers={"traceparent": CALLER}).json()["swarm_id"]
        poll(lambda: sum(span.name == "invoke_agent" for span in collector.spans()) >= 4, what="four tasks")
        service.restart()
        with service.client() as client:
            poll(lambda: client.get(f"/v1/swarms/{swarm_id}").json()["status"] == "completed", what="the end of it")
        assert service.terminate() == 0

    spans = collector.spans()
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    assert {span.trace for span in spans} == {CALLER.split("-")[1]}
    [root] = [span for span in spans if span.name == "invoke_workflow"]
    assert root.parent == CALLER.split("-")[2]
    tasks = [span for span in spans if span.name == "invoke_agent"]
    assert {span.parent for span in tasks} == {root.span}
    assert len({span.span for span in spans}) == len(spans)
    attempts = [span for span in spans if span.name == "attempt"]
    assert sum(span.error == "abandoned" for span in attempts) in {1, 2}, "those under way at the kill"
    assert {span.parent for span in spans if span.name == "chat mock"} <= {span.span for span in attempts}
    assert all(root.begun_ns <= span.begun_ns <= span.ended_ns for span in spans)


@pytest.mark.parametrize("state", ["nobody", "silent"])
def test_a_collector_that_fails_disturbs_nothing(tmp_path: Path, state: str) -> None:
    with Collector(hangs=True).running() as silent:
        url = NOTHING_LISTENS if state == "nobody" else silent.url
        with ServiceProcess(tmp_path, "--otlp-endpoint", url, OTEL_BSP_SCHEDULE_DELAY="20") as service:
            with service.client() as client:
                for _ in range(3):
                    made = client.post("/v1/swarms?wait=20", json={"tasks": [{"prompt": "x"}] * 20})
                    assert made.json()["status"] == "completed"
                assert client.get("/readyz").status_code == 200
            if state == "silent":
                poll(lambda: silent.requests, what="the first spans")
            began = time.monotonic()
            assert service.terminate() == 0
            assert time.monotonic() - began < tracing.LAST_WORDS_S + 5


# --- on and off ------------------------------------------------------------------------------------------------------


def test_nothing_of_opentelemetry_is_loaded_where_nobody_traces(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from app.main import create_app
from app.settings import load_settings
async def main():
    app = create_app(load_settings())
    async with app.router.lifespan_context(app):
        print(sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
asyncio.run(main())
"""
    env = {**clean_environment(), "SWARMD_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_the_variables_of_opentelemetry_decide(variables: dict[str, str], wanted: bool) -> None:
    with mock.patch.dict("os.environ", {**clean_environment(), **variables}, clear=True):
        assert tracing.is_wanted(None) == wanted


@pytest.mark.anyio
async def test_without_the_packages_an_address_is_refused_and_a_variable_only_noted() -> None:
    missing = {"opentelemetry.exporter.otlp.proto.http.trace_exporter": None}
    with mock.patch.dict("sys.modules", missing):
        with pytest.raises(tracing.TracesUnavailable, match=re.escape("pip install 'swarmd[otel]'")):
            async with tracing.open_traces(NOTHING_LISTENS):
                pass
        with mock.patch.dict("os.environ", {"OTEL_EXPORTER_OTLP_ENDPOINT": NOTHING_LISTENS}):
            async with tracing.open_traces(None) as traces:
                assert isinstance(traces, tracing.NoTraces)
