"""A run, its tasks and one task as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from app.cli.client import JsonObject
from app.cli.messages import one_line, printable
from app.cli.progress import count_text, duration_text, money_text
from app.cli.results import as_json
from app.cli.tables import Number, facts, table

_ARGUMENTS_SHOWN = 100
_RESULT_SHOWN = 200


def of_swarm(swarm: JsonObject) -> str:
    """What a person wants to know of a run."""
    counts, tokens = swarm["counts"], swarm["tokens"]
    states = ", ".join(f"{counts[name]:,} {name}" for name in counts if name != "total" and counts[name])
    used = f"{count_text(tokens['in'])} in ({count_text(tokens['cached'])} cached), {count_text(tokens['out'])} out"
    aggregation = swarm.get("aggregation")
    return facts(
        [
            ("id", swarm["swarm_id"]),
            ("name", swarm["name"]),
            ("status", swarm["status"] + (f" ({swarm['pause_reason']})" if swarm["status"] == "paused" else "")),
            ("error", swarm["error"]),
            ("orchestrator", swarm["agent_id"]),
            ("created", swarm["created_at"]),
            ("started", swarm["started_at"]),
            ("ended", swarm["ended_at"]),
            ("tasks", f"{counts['total']:,}: {states}" if states else f"{counts['total']:,}"),
            ("parallel", f"at most {swarm['max_parallel_agents']:,} sub-agents"),
            ("steps", swarm["steps"]),
            ("tokens", used),
            ("cost", money_text(swarm["cost_usd"])),
            ("budget", _budget_text(swarm["budget"])),
            *_where_the_time_went(swarm.get("critical_path")),
            ("merge", aggregation and _merge_text(aggregation)),
            ("metadata", as_json(swarm["metadata"]) if swarm["metadata"] else None),
        ]
    )


def _budget_text(budget: JsonObject | None) -> str | None:
    if budget is None:
        return None
    parts = []
    if budget["max_cost_usd"] is not None:
        parts.append(f"{money_text(budget['spent_usd'])} of {money_text(budget['max_cost_usd'])}")
    if budget["max_tokens"] is not None:
        parts.append(f"{count_text(budget['spent_tokens'])} of {count_text(budget['max_tokens'])} tokens")
    if budget["per_agent_tokens"] is not None:
        parts.append(f"{count_text(budget['per_agent_tokens'])} tokens a sub-agent")
    return f"{', '.join(parts)}; then {budget['on_exceeded']}"


def _where_the_time_went(path: JsonObject | None) -> Iterator[tuple[str, object]]:
    if not path:
        return
    yield "took", duration_text(path["makespan_ms"])
    blame = [f"{name} {duration_text(ms)}" for name, ms in path["blame"].items() if ms]
    yield "of which", ", ".join(blame) or None
    tasks = [str(task_id) for task_id in path["critical_tasks"]]
    shown = [*tasks[:5], f"… {len(tasks) - 10:,} more …", *tasks[-5:]] if len(tasks) > 11 else tasks
    yield "longest chain", " > ".join(shown) or None


def _merge_text(aggregation: JsonObject) -> str:
    missing = f", {len(aggregation['missing']):,} missing" if aggregation["missing"] else ""
    error = f": {aggregation['error']}" if aggregation["error"] else ""
    return f"{aggregation['strategy']} of {aggregation['inputs']:,}{missing}, {aggregation['status']}{error}"


def of_tasks(tasks: Sequence[JsonObject]) -> str:
    """A line for each task."""
    heads = ("task", "status", "role", "attempts", "latency", "tokens", "cost", "model", "error")
    rows = [
        (
            task["task_id"],
            task["status"],
            task["role"],
            task["attempts"],
            _duration(task["latency_ms"]),
            Number(count_text(task["usage"]["total_tokens"])),
            _money(task["cost_usd"]),
            task["model"],
            _error_text(task["error"]),
        )
        for task in tasks
    ]
    return table(heads, rows)


def of_task(task: JsonObject) -> str:
    """A task with everything that was done for it."""
    usage = task["usage"]
    used = f"{usage['prompt_tokens']:,} in ({usage['cached_tokens']:,} cached), {usage['completion_tokens']:,} out"
    parts = [
        facts(
            [
                ("task", task["task_id"]),
                ("kind", task["kind"] if task["kind"] != "task" else None),
                ("status", task["status"]),
                ("error", _error_text(task["error"])),
                ("type", task["type"]),
                ("role", task["role"]),
                ("sub-agent", task["agent_id"]),
                ("priority", task["priority"]),
                ("depends on", ", ".join(task["depends_on"]) or None),
                ("model", task["model"]),
                ("because", (task["routing"] or {}).get("reason")),
                ("started", task["started_at"]),
                ("ended", task["ended_at"]),
                ("latency", _duration(task["latency_ms"])),
                ("queued", _duration(task["queue_ms"])),
                ("tokens", used),
                ("cost", _money(task["cost_usd"])),
                ("score", task["score"]),
            ]
        ),
        _section(
            "Attempts", table(("attempt", "status", "started", *_CALL, "error"), map(_attempt, task["attempt_log"]))
        ),
    ]
    if task["steps"]:
        parts.append(_section("Steps", table(("step", "attempt", "kind", *_CALL), map(_step, task["steps"]))))
    calls = "".join(line for step in task["steps"] for line in _tool_calls(step))
    if calls:
        parts.append(_section("Tool calls", calls))
    parts.append(_section("Input", as_json(task["input"])))
    if task["output"] is not None:
        output = task["output"] if isinstance(task["output"], str) else as_json(task["output"])
        parts.append(_section("Output", printable(output).rstrip("\n") + "\n"))
    return "\n".join(parts)


_CALL = ("queued", "latency", "in", "out", "cost", "model")


def _attempt(attempt: JsonObject) -> tuple[object, ...]:
    error = _error_text(attempt["error"])
    return (attempt["attempt"], attempt["status"], attempt["started_at"], *_call(attempt), error)


def _step(step: JsonObject) -> tuple[object, ...]:
    return (step["step"], step["attempt"], step["kind"], *_call(step))


def _call(call: JsonObject) -> tuple[object, ...]:
    usage = call["usage"]
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return (
        _duration(call.get("queue_ms")),
        _duration(call["latency_ms"]),
        *tokens,
        _money(call["cost_usd"]),
        call["model"],
    )


def _tool_calls(step: JsonObject) -> Iterator[str]:
    """Each call of a step with its arguments, and each result of one, both cut short."""
    record = step["record"]
    for call in record.get("tool_calls") or ():
        yield f"step {step['step']}: {_short(str(call['name']))} {_short(str(call['arguments']), _ARGUMENTS_SHOWN)}\n"
    results = record.get("results")
    for call_id, result in results.items() if isinstance(results, dict) else ():
        text = result if isinstance(result, str) else as_json(result)
        yield f"step {step['step']}: {_short(call_id)} answered {_short(text, _RESULT_SHOWN)}\n"


def _short(text: str, most: int = 60) -> str:
    line = one_line(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def _section(title: str, text: str) -> str:
    return f"{title}\n{text}"


def _duration(milliseconds: float | None) -> Number | None:
    return None if milliseconds is None else Number(duration_text(milliseconds))


def _money(cost_usd: float | None) -> Number | None:
    return None if cost_usd is None else Number(money_text(cost_usd))


def _error_text(error: Any) -> str | None:
    return None if error is None else f"{error['type']}: {error['message']}"
