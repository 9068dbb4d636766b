"""``swarmd logs``: an event is one line, whatever is in it."""

from app.cli.logs import line_of

HEAD = {"ts": "2026-01-31T12:04:31.250Z", "seq": 17, "swarm_id": "swm_1"}


def test_a_line_has_time_seq_type_task_and_the_rest() -> None:
    event = {"type": "agent_completed", **HEAD, "task_id": "intro", "agent_id": "agt_1", "attempt": 1, "cost_usd": 0.5}

    assert line_of(event) == "2026-01-31T12:04:31.250Z 17 agent_completed intro attempt=1 cost_usd=0.5"


def test_values_can_be_told_from_one_another_and_never_break_the_line() -> None:
    event = {"type": "agent_failed", **HEAD, "task_id": "a\nb\x1b[2J", "error": 'no "x"\nhere', "kind": "time=out"}
    event |= {"counts": {"failed": 1}, "detail": None, "empty": "", "model": "small"}

    assert line_of(event).partition("agent_failed ")[2] == (
        'a b\ufffd[2J error="no \\"x\\"\\nhere" kind="time=out" counts={"failed":1} empty="" model=small'
    )


def test_a_long_value_is_cut_short() -> None:
    line = line_of({"type": "x", **HEAD, "task_id": None, "text": "word " * 1000})

    assert len(line) < 400
    assert line.endswith("…")
