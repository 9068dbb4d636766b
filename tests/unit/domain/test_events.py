"""An event becomes the frame that clients read: type, seq, ts, swarm_id and task_id always, the rest where meant."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import AGENT_FAILED, SWARM_STARTED, Event, rfc3339


def test_a_frame_of_the_run_names_no_task() -> None:
    frame = Event(seq=1, type=SWARM_STARTED, at_ms=0, fields={"total": 3}).as_frame("swm_1")

    assert frame == {
        "type": "swarm_started",
        "seq": 1,
        "ts": "1970-01-01T00:00:00.000Z",
        "swarm_id": "swm_1",
        "task_id": None,
        "total": 3,
    }


def test_a_frame_of_an_agent_names_task_agent_and_attempt() -> None:
    event = Event(seq=9, type=AGENT_FAILED, at_ms=1, task_id="a", agent_id="agt_1", attempt=2, fields={"error": "gone"})

    frame = event.as_frame("swm_1")

    assert list(frame) == ["type", "seq", "ts", "swarm_id", "task_id", "agent_id", "attempt", "error"]
    assert (frame["task_id"], frame["agent_id"], frame["attempt"], frame["error"]) == ("a", "agt_1", 2, "gone")


def test_a_frame_can_be_changed_without_changing_the_event() -> None:
    event = Event(seq=1, type=SWARM_STARTED, at_ms=0, fields={"total": 3})
    event.as_frame("swm_1")["total"] = 4

    assert event.fields == {"total": 3}


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (1_769_861_071_250, "2026-01-31T12:04:31.250Z"),
        (1_769_861_071_000, "2026-01-31T12:04:31.000Z"),
        (1_769_861_071_007, "2026-01-31T12:04:31.007Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_keeps_its_milliseconds(at_ms: int) -> None:
    assert round(datetime.fromisoformat(rfc3339(at_ms)).timestamp() * 1000) == at_ms
