"""Plans as models send them, read or refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.plan import InvalidPlan, Plan, parse_plan

FILES = ("Q1 report.pdf", "data/sales.csv")


def parse(value: Any, max_subtasks: int = 10, attachments: tuple[str, ...] = ()) -> Plan:
    return parse_plan(value, max_subtasks=max_subtasks, attachments=attachments)


def errors_of(value: Any, max_subtasks: int = 10, attachments: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(InvalidPlan) as caught:
        parse(value, max_subtasks, attachments)
    return caught.value.errors


def one_error(value: Any, max_subtasks: int = 10, attachments: tuple[str, ...] = ()) -> str:
    [error] = errors_of(value, max_subtasks, attachments)
    return error


def subtask(own_id: str, /, *depends_on: object, **more: Any) -> dict[str, Any]:
    return {"id": own_id, "prompt": f"Do {own_id}", "depends_on": list(depends_on), **more}
