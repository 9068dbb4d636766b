"""Second calls of attempts that are over by the time they could be made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.domain.changes import StartHedge
from app.domain.facts import Fact, HedgeDropped, HedgeDue, TaskCancelRequested
from app.scheduler.attempts import Attempts
from app.storage.engine import open_database
from tests.support.databases import place_database
from tests.support.money import priced
from tests.support.providers import ScriptedProvider
from tests.support.scheduling import machinery
from tests.support.steps import LANE, start, task, tell

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "its call has ended"])
async def test_a_second_call_that_came_too_late_is_told_to_the_run_and_takes_no_slot(
    tmp_path: Path, cancelled: bool
) -> None:
    state = priced(task("a"), budget=None)
    start(state)
    tell(state, HedgeDue(0, 1))
    if cancelled:
        tell(state, TaskCancelRequested(0))
    posted: list[Fact] = []
    async with open_database(place_database(tmp_path / "x.db")) as store, asyncio.TaskGroup() as group:
        shared = machinery(store, ScriptedProvider())
        attempts = Attempts(shared.dispatch, shared.runs, shared.admission, shared.clock, posted.append)

        attempts.start_hedge(state, StartHedge(0, 1), group)

        assert posted == [HedgeDropped(0, 1)]
        assert shared.admission.in_use(LANE) == 0
