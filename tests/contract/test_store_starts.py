"""Runs that begin at a time: left where they are until then, unless a client asks something of them."""

from __future__ import annotations

import pytest

from app.domain.facts import StartDue
from app.domain.swarm import SwarmStatus
from app.ports.runs import Command
from app.storage.database import Database
from tests.support.runs import T0_MS, new_swarm, turn

pytestmark = pytest.mark.anyio


async def test_a_run_that_begins_later_is_claimed_at_its_time_or_for_a_command(store: Database) -> None:
    later, latest = (
        new_swarm({"a": []}, start_at_ms=T0_MS + 500),
        new_swarm({"a": []}, number=2, start_at_ms=T0_MS + 900),
    )
    assert await store.runs.next_start_ms() is None
    await store.swarms.create(later)
    await store.swarms.create(latest)
    row = await store.swarms.get("default", later.state.swarm_id)
    assert row is not None
    assert (row.status, row.pause_reason, row.start_at_ms) == (SwarmStatus.PAUSED, "start_at", T0_MS + 500)

    assert await store.runs.claim("me", limit=5, now_ms=T0_MS + 499) == []
    assert await store.runs.next_start_ms() == T0_MS + 500
    await store.swarms.command("default", latest.state.swarm_id, Command("pause"))
    [asked] = await store.runs.claim("me", limit=5, now_ms=T0_MS + 499)
    [due] = await store.runs.claim("me", limit=5, now_ms=T0_MS + 500)
    assert (asked.swarm_id, due.swarm_id) == (latest.state.swarm_id, later.state.swarm_id)
    assert await store.runs.next_start_ms() is None  # both are in somebody's hands

    state = await store.runs.load(due)
    assert (state.start_at_ms, state.pause_reason) == (T0_MS + 500, "start_at")
    await store.runs.commit(due, turn(state, StartDue(), now_ms=T0_MS + 500))
    row = await store.swarms.get("default", later.state.swarm_id)
    assert row is not None
    assert (row.status, row.start_at_ms, row.started_at_ms) == (SwarmStatus.RUNNING, None, T0_MS + 500)
