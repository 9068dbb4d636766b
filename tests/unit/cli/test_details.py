"""``swarmd get``: a run, its tasks and one task as text."""

from typing import Any

from app.cli.details import of_swarm, of_task, of_tasks

USAGE = {"prompt_tokens": 1_200, "completion_tokens": 340, "total_tokens": 1_540, "cached_tokens": 800}
CALL = {"latency_ms": 812.4, "model": "small", "usage": USAGE, "cost_usd": 0.0123}
COUNTS = {"waiting": 0, "running": 2, "completed": 97, "failed": 1, "total": 100}


def swarm(**more: Any) -> dict[str, Any]:
    return {
        "swarm_id": "swm_1",
        "name": None,
        "status": "running",
        "pause_reason": None,
        "error": None,
        "agent_id": "agt_1",
        "created_at": "2026-01-31T12:00:00.000Z",
        "started_at": "2026-01-31T12:00:00.000Z",
        "ended_at": None,
        "counts": COUNTS,
        "max_parallel_agents": 50,
        "steps": 120,
        "tokens": {"in": 20_000, "out": 500, "cached": 10_000},
        "cost_usd": 1.25,
        "budget": None,
        "metadata": {},
        **more,
    }


def lines(text: str) -> dict[str, str]:
    """The values by their names."""
    return {line[:14].strip(): line[14:].strip() for line in text.splitlines()}


def test_a_run_tells_what_is_known_and_nothing_else() -> None:
    told = lines(of_swarm(swarm()))

    assert told["tasks"] == "100: 2 running, 97 completed, 1 failed"
    assert told["tokens"] == "20.0k in (10.0k cached), 500 out"
    assert told["cost"] == "$1.2500"
    assert not {"name", "ended", "error", "budget", "took", "merge"} & set(told)


def test_a_paused_run_says_why_and_what_its_budget_is() -> None:
    budget = {"max_cost_usd": 2, "spent_usd": 2.0, "max_tokens": None, "spent_tokens": 9, "per_agent_tokens": 5_000}

    told = lines(of_swarm(swarm(status="paused", pause_reason="budget", budget={**budget, "on_exceeded": "pause"})))

    assert told["status"] == "paused (budget)"
    assert told["budget"] == "$2.0000 of $2.0000, 5,000 tokens a sub-agent; then pause"


def test_an_ended_run_says_where_its_time_went_and_who_merged_it() -> None:
    chain = [f"t{n}" for n in range(1, 21)]
    path = {"makespan_ms": 2_500, "blame": {"queue": 100, "model": 2_400, "retry": 0}, "critical_tasks": chain}
    merged = {"strategy": "synthesis", "inputs": 97, "missing": ["a", "b"], "status": "completed", "error": None}

    told = lines(of_swarm(swarm(critical_path=path, aggregation=merged)))

    assert told["took"] == "2500 ms"
    assert told["of which"] == "queue 100 ms, model 2400 ms"
    assert told["longest chain"] == "t1 > t2 > t3 > t4 > t5 > … 10 more … > t16 > t17 > t18 > t19 > t20"
    assert told["merge"] == "synthesis of 97, 2 missing, completed"


def task(**more: Any) -> dict[str, Any]:
    return {
        "task_id": "intro",
        "agent_id": "agt_1_00000",
        "status": "completed",
        "type": None,
        "role": "writer",
        "priority": 5,
        "depends_on": ["a", "b"],
        "attempts": 2,
        "output": "An answer.",
        "error": None,
        "queue_ms": 15,
        "score": 0.9,
        "started_at": "2026-01-31T12:00:00.000Z",
        "ended_at": None,
        "kind": "task",
        "routing": {"reason": "its tier"},
        "input": {"prompt": "Write."},
        "attempt_log": [],
        "steps": [],
        **CALL,
        **more,
    }


def test_a_task_tells_of_its_attempts() -> None:
    timeout = {"type": "timeout", "message": "no answer within\n30 s", "retryable": True}
    attempts = [
        {"attempt": 1, "status": "failed", "started_at": "…", "queue_ms": 5, **CALL, "error": timeout},
        {"attempt": 2, "status": "completed", "started_at": "…", "queue_ms": 0, **CALL, "error": None},
    ]

    text = of_task(task(attempt_log=attempts))

    assert "timeout: no answer within 30 s" in text
    assert text.count("$0.0123") == 3
    assert "\nInput\n{" in text
    assert text.endswith("Output\nAn answer.\n")
    assert "Steps" not in text
    assert "Tool calls" not in text


def test_a_task_tells_of_its_steps_and_the_tools_it_called() -> None:
    arguments = '{"url": "http://x/' + "y" * 300 + '"}'
    calls = {"kind": "calls", "tool_calls": [{"id": "c1", "name": "http_fetch", "arguments": arguments}]}
    results = {"kind": "results", "results": {"c1": "a\npage\x1b[2J"}}
    steps = [
        {"step": 1, "attempt": 1, "kind": "calls", **CALL, "record": calls},
        {"step": 2, "attempt": 1, "kind": "results", **CALL, "record": results},
    ]

    text = of_task(task(steps=steps, output={"title": "x"}))

    section = text.partition("Tool calls\n")[2].splitlines()
    assert section[0].startswith('step 1: http_fetch {"url": "http://x/yyy')
    assert len(section[0]) < 130
    assert section[1] == "step 2: c1 answered a page\ufffd[2J"
    assert '"title": "x"' in text.partition("Output")[2]


def test_tasks_are_a_line_each_with_what_is_not_known_left_open() -> None:
    waiting = task(task_id="later", status="waiting", model=None, latency_ms=None, cost_usd=None, role=None)

    heads, first, second = of_tasks([task(), waiting]).splitlines()

    assert heads.split() == ["TASK", "STATUS", "ROLE", "ATTEMPTS", "LATENCY", "TOKENS", "COST", "MODEL", "ERROR"]
    assert first.split() == ["intro", "completed", "writer", "2", "812", "ms", "1,540", "$0.0123", "small", "-"]
    assert second.split() == ["later", "waiting", "-", "2", "-", "1,540", "-", "-", "-"]
