"""Jobs and facts go over the wire and come back as they were."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dispatch import wire
from app.domain.budget import Budget
from app.domain.facts import AttemptCompleted, AttemptFailed, NewTask, StepTaken
from app.domain.retry import RetryPolicy, TaskError
from app.domain.swarm import SwarmSpec
from app.domain.task import Awaited, TaskKind, TaskSpec
from app.domain.usage import Usage
from app.ports.dispatch import Answer, CallKey, Job
from app.ports.provider import RateLimitHeaders

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**53)
SECONDS = st.floats(0, 1e6, allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
USAGE = st.builds(Usage, prompt_tokens=COUNT, completion_tokens=COUNT, cached_tokens=COUNT)
ERROR = st.builds(TaskError, type=TEXT, message=TEXT, retryable=st.booleans())
TASK = st.builds(
    TaskSpec,
    task_id=TEXT,
    kind=st.sampled_from(TaskKind),
    weight=SECONDS,
    requested_model=st.none() | TEXT,
    depends_on=st.lists(TEXT, max_size=3).map(tuple),
    payload=TEXT,
    awaits=st.lists(st.builds(Awaited, COUNT, TEXT, TEXT, COUNT), max_size=2).map(tuple),
)
TASKS = st.lists(st.builds(NewTask, TASK, TEXT, st.none() | TEXT), max_size=3).map(tuple)
PLACE: dict[str, Any] = {"index": COUNT, "attempt": COUNT, "step": COUNT, "call": st.sampled_from([0, 1])}
BILL: dict[str, Any] = {
    "usage": USAGE,
    "cost_nano_usd": st.none() | COUNT,
    "latency_ms": SECONDS,
    "settled": st.booleans(),
}
ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.builds(
        AttemptCompleted,
        **PLACE,
        **BILL,
        output=TEXT,
        model=TEXT,
        score=st.none() | st.floats(0, 1),
        answered_by=st.none() | TEXT,
        tasks=TASKS,
        record=st.none() | TEXT,
    ),
    st.builds(
        StepTaken,
        **PLACE,
        **BILL,
        record=TEXT,
        kind=TEXT,
        model=TEXT,
        next_model=st.none() | TEXT,
        tasks=TASKS,
        tools=st.lists(TEXT, max_size=3).map(tuple),
    ),
    st.builds(
        AttemptFailed,
        **PLACE,
        **BILL,
        error=ERROR,
        jitter_sample=st.floats(0, 1, exclude_max=True),
        retry_after_s=st.none() | SECONDS,
        outage=st.booleans(),
        excused=st.booleans(),
        record=st.none() | TEXT,
    ),
)
LIMITS = st.lists(
    st.tuples(
        TEXT,
        st.builds(
            RateLimitHeaders,
            remaining_requests=st.none() | COUNT,
            remaining_tokens=st.none() | COUNT,
            reset_s=st.none() | SECONDS,
        ),
    ),
    max_size=2,
)
SPECS = st.builds(
    SwarmSpec,
    name=st.none() | TEXT,
    agent_id=TEXT,
    shared_context=st.none() | TEXT,
    timeout_s=st.none() | SECONDS,
    retry=st.builds(RetryPolicy),
    aggregate=OBJECT,
    metadata=OBJECT,
    budget=st.none() | st.builds(Budget, max_cost_nano_usd=st.none() | COUNT, max_tokens=st.none() | COUNT),
    output_schema=st.none() | OBJECT,
    roles=st.dictionaries(TEXT, OBJECT, max_size=2),
    models=st.lists(TEXT, max_size=3).map(tuple),
    tools=st.lists(TEXT, max_size=3).map(tuple),
    webhook_events=st.lists(TEXT, max_size=3).map(tuple),
)


@given(ANSWERS, LIMITS)
def test_a_fact_comes_back_as_it_was(answer: Answer, limits: list[tuple[str, RateLimitHeaders]]) -> None:
    assert wire.load_told(wire.dump_told(answer, limits)) == (answer, limits)


@given(SPECS)
def test_a_spec_comes_back_as_it_was(spec: SwarmSpec) -> None:
    assert wire.load_spec(wire.dump_spec(spec)) == spec


@given(
    st.builds(
        Job,
        swarm_id=TEXT,
        spec=st.just(SwarmSpec(agent_id="agt_1")),
        index=COUNT,
        task_id=TEXT,
        attempt=COUNT,
        model=st.none() | TEXT,
        timeout_s=SECONDS,
        payload=TEXT,
        inputs=st.dictionaries(TEXT, TEXT, max_size=3),
        kind=st.sampled_from(TaskKind),
        journal=st.lists(TEXT, max_size=3),
        step=COUNT,
        failures=COUNT,
        tenant_id=TEXT,
        call=st.sampled_from([0, 1]),
        priority=st.integers(1, 10),
        needs=st.lists(TEXT, max_size=3).map(tuple),
        provider=st.none() | TEXT,
    )
)
def test_a_job_comes_back_as_it_was(job: Job) -> None:
    sent = wire.Assignment(
        key=job.key, spec_digest="d", spec=None, job_digest=None, job=wire.dump_job(job).decode(), asker="node_1"
    )
    got = wire.Assignment.load(sent.dump())

    assert got == sent
    assert got.job is not None
    assert wire.load_job(got.key, job.spec, got.job) == job


def test_a_job_has_no_field_that_stays_behind() -> None:
    """A new field of a job has to go along; ``again`` and ``tools`` are the business of the node that hands out."""
    told = {"swarm_id", "index", "attempt", "step", "call", "spec", "again", "tools"}
    job = Job(
        swarm_id="s",
        spec=SwarmSpec(agent_id="a"),
        index=0,
        task_id="t",
        attempt=1,
        model=None,
        timeout_s=1.0,
        payload="{}",
        inputs={},
    )

    assert set(orjson.loads(wire.dump_job(job))) == {field.name for field in fields(Job)} - told


KEY = CallKey("swm_1", 3, 2, 1, 1)


def test_news_and_withdrawals_come_back_as_they_were() -> None:
    [message] = wire.dump_news([(KEY, '{"a":1}'), (KEY, None)])
    assert wire.load_news(message) == [(KEY, '{"a":1}'), (KEY, None)]
    medium, large = "m" * 200_000, "l" * 300_000
    told = [wire.load_news(message) for message in wire.dump_news([(KEY, medium), (KEY, large), (KEY, medium)])]
    assert told == [[(KEY, medium), (KEY, None)], [(KEY, medium)]]
    assert wire.load_keys(wire.dump_keys([KEY])) == [KEY]


@pytest.mark.parametrize("message", [b"", b"{", b"[]", b"[[1,2]]", b"3", b'{"kind":"other"}', b'[["s",1,1,0,0],1]'])
def test_what_cannot_be_read_is_said_so(message: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.Assignment.load(message)
    with pytest.raises(wire.Unreadable):
        wire.load_told(message.decode())
