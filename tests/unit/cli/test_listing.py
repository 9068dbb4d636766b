"""``swarmd ls``: times as people write them, and a line a run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.cli.failures import EXIT_USAGE, Failure
from app.cli.listing import Status, listed, moment
from app.domain.swarm import SwarmStatus

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-01-30T10:00Z", datetime(2026, 1, 30, 10, tzinfo=UTC)),
        ("2026-01-30T10:00+02:00", datetime(2026, 1, 30, 8, tzinfo=UTC)),
        ("2026-01-30", datetime(2026, 1, 30).astimezone(UTC)),
    ],
)
def test_a_time_is_one_or_how_long_ago_it_was(text: str, expected: datetime) -> None:
    assert datetime.fromisoformat(str(moment("--since", text, NOW))) == expected


@pytest.mark.parametrize("text", ["", "h", "-3h", "1.5h", "yesterday", "²h", "99999999999999w", "2026-13-01"])
def test_anything_else_is_refused_by_the_name_of_the_flag(text: str) -> None:
    with pytest.raises(Failure, match="--until: expected 30m") as failure:
        moment("--until", text, NOW)
    assert failure.value.exit_code == EXIT_USAGE


def test_no_time_is_none() -> None:
    assert moment("--since", None, NOW) is None


def test_every_state_of_a_run_can_be_asked_for() -> None:
    assert [status.value for status in Status] == [status.value for status in SwarmStatus]


def test_a_line_holds_what_a_run_has_done_and_cost() -> None:
    counts = {"completed": 1_190, "failed": 8, "cancelled": 1, "skipped": 1, "running": 3, "total": 1_500}
    swarm: dict[str, Any] = {
        "swarm_id": "swm_1",
        "status": "running",
        "counts": counts,
        "tokens": {"in": 20_000, "out": 500},
    }
    swarm |= {"cost_usd": 0.0123, "created_at": "2026-01-31T12:04:31.250Z", "name": "night\trun"}

    [heads, line] = listed([swarm]).splitlines()

    assert heads.split() == ["ID", "STATUS", "DONE", "FAILED", "COST", "TOKENS", "CREATED", "NAME"]
    assert " ".join(line.split()) == "swm_1 running 1,200/1,500 8 $0.0123 20.5k 2026-01-31 12:04:31 night run"
