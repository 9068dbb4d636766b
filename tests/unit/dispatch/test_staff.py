"""Whom a job is for, by what it wishes, what it must have, and who is there."""

from __future__ import annotations

import pytest

from app.dispatch.broker import ANY, pool_of_all, pools_of
from app.dispatch.staff import Staff, tag_of
from app.domain.swarm import SwarmSpec
from app.ports.assignments import WorkerRow
from app.ports.dispatch import Job

TICKETS, WIKI = tag_of("tickets"), tag_of("wiki")
SERVERS = {"tickets_add": "tickets", "tickets_find": "tickets", "wiki_read": "wiki"}


def staff(*workers: tuple[str, ...]) -> Staff:
    found = Staff(SERVERS.get)
    found.learn(
        WorkerRow(worker_id=f"w{number}", name=f"w{number}", slots=1, tags=tags) for number, tags in enumerate(workers)
    )
    return found


def job(*, tags: tuple[str, ...] = (), tools: tuple[str, ...] = (), index: int = 0) -> Job:
    return Job(
        swarm_id="s",
        spec=SwarmSpec(agent_id="agt_1"),
        index=index,
        task_id="t",
        attempt=1,
        model=None,
        timeout_s=1.0,
        payload="{}",
        inputs={},
        needs=tags,
        tools=tools,
    )


@pytest.mark.parametrize(
    ("workers", "wanted", "pool"),
    [
        ([], job(tags=("gpu",), tools=("file_reader",)), ANY),
        ([("gpu",), ()], job(tags=("gpu",)), "gpu"),
        ([("gpu",), ("gpu",)], job(tags=("gpu", "eu")), ANY),
        ([("code_interpreter",), ()], job(tools=("code_interpreter", "file_reader")), "code_interpreter"),
        ([(TICKETS,), ()], job(tools=("tickets_add", "tickets_find")), "mcp_tickets"),
        ([(TICKETS,), (TICKETS,)], job(tools=("tickets_add",)), ANY),
        ([(TICKETS, "gpu"), (TICKETS,), ()], job(tags=("gpu",), tools=("tickets_add",)), "gpu"),
        ([(TICKETS,), ("gpu",)], job(tags=("gpu",), tools=("tickets_add",)), "mcp_tickets"),
        (
            [(TICKETS,), (WIKI,), (TICKETS, WIKI), ()],
            job(tools=("tickets_add", "wiki_read")),
            pool_of_all((TICKETS, WIKI)),
        ),
        ([(TICKETS, WIKI), (WIKI,)], job(tools=("tickets_add", "wiki_read")), "mcp_tickets"),
        ([("tickets",), ("tickets_add",)], job(tools=("tickets_add",)), None),
        ([], job(tools=("tickets_add",)), None),
        ([(TICKETS,), (WIKI,)], job(tools=("tickets_add", "wiki_read")), None),
    ],
)
def test_a_job_is_for_those_who_have_what_it_must_and_if_they_can_what_it_wishes(
    workers: list[tuple[str, ...]], wanted: Job, pool: str | None
) -> None:
    """And whoever serves the pool has all that it must have."""
    assert staff(*workers).pool(wanted) == pool
    for tags in workers:
        if pool in pools_of(tags):
            assert {tag_of(SERVERS[tool]) for tool in wanted.tools if tool in SERVERS} <= set(tags)


@pytest.mark.parametrize(
    ("workers", "lacking"),
    [
        ([], ("tickets", "wiki")),
        ([(TICKETS,), ("gpu",)], ("wiki",)),
        ([(TICKETS,), (WIKI,)], ("tickets", "wiki")),
        ([(TICKETS, WIKI), ()], ()),
    ],
)
def test_what_a_job_waits_for_is_named(workers: list[tuple[str, ...]], lacking: tuple[str, ...]) -> None:
    assert staff(*workers).lacking(job(tools=("tickets_add", "wiki_read", "file_reader"))) == lacking


def test_a_job_that_lists_no_such_tools_lacks_nothing() -> None:
    assert staff().lacking(job(tags=("gpu",), tools=("file_reader",))) == ()
