from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.task_error_out import TaskErrorOut
    from ..models.usage_out import UsageOut


T = TypeVar("T", bound="TaskOut")


@_attrs_define
class TaskOut:
    """A task and where it stands.

    Attributes:
        agent_id (str): The sub-agent that runs it
        attempts (int):
        complexity (int | None):
        cost_usd (float | None): null where no price is known
        depends_on (list[str]):
        ended_at (datetime.datetime | None):
        error (None | TaskErrorOut):
        latency_ms (float | None): Duration of the last attempt in milliseconds
        model (None | str): The model that answered
        output (Any):
        priority (int):
        queue_ms (int | None): Milliseconds from ready to the start of the last attempt
        requested_model (None | str):
        role (None | str):
        score (float | None): 0-1, what the validator gave its output; null where there is none
        started_at (datetime.datetime | None):
        status (str):
        swarm_id (str):
        task_id (str):
        type_ (None | str):
        usage (UsageOut):
    """

    agent_id: str
    attempts: int
    complexity: int | None
    cost_usd: float | None
    depends_on: list[str]
    ended_at: datetime.datetime | None
    error: None | TaskErrorOut
    latency_ms: float | None
    model: None | str
    output: Any
    priority: int
    queue_ms: int | None
    requested_model: None | str
    role: None | str
    score: float | None
    started_at: datetime.datetime | None
    status: str
    swarm_id: str
    task_id: str
    type_: None | str
    usage: UsageOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.task_error_out import TaskErrorOut  # noqa: PLC0415

        agent_id = self.agent_id

        attempts = self.attempts

        complexity: int | None
        complexity = self.complexity

        cost_usd: float | None
        cost_usd = self.cost_usd

        depends_on = self.depends_on

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        error: dict[str, Any] | None
        if isinstance(self.error, TaskErrorOut):
            error = self.error.to_dict()
        else:
            error = self.error

        latency_ms: float | None
        latency_ms = self.latency_ms

        model: None | str
        model = self.model

        output = self.output

        priority = self.priority

        queue_ms: int | None
        queue_ms = self.queue_ms

        requested_model: None | str
        requested_model = self.requested_model

        role: None | str
        role = self.role

        score: float | None
        score = self.score

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        status = self.status

        swarm_id = self.swarm_id

        task_id = self.task_id

        type_: None | str
        type_ = self.type_

        usage = self.usage.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "attempts": attempts,
                "complexity": complexity,
                "cost_usd": cost_usd,
                "depends_on": depends_on,
                "ended_at": ended_at,
                "error": error,
                "latency_ms": latency_ms,
                "model": model,
                "output": output,
                "priority": priority,
                "queue_ms": queue_ms,
                "requested_model": requested_model,
                "role": role,
                "score": score,
                "started_at": started_at,
                "status": status,
                "swarm_id": swarm_id,
                "task_id": task_id,
                "type": type_,
                "usage": usage,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.task_error_out import TaskErrorOut  # noqa: PLC0415
        from ..models.usage_out import UsageOut  # noqa: PLC0415

        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        attempts = d.pop("attempts")

        def _parse_complexity(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        complexity = _parse_complexity(d.pop("complexity"))

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        depends_on = cast(list[str], d.pop("depends_on"))

        def _parse_ended_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ended_at = _parse_ended_at(d.pop("ended_at"))

        def _parse_error(data: object) -> None | TaskErrorOut:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = TaskErrorOut.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TaskErrorOut, data)

        error = _parse_error(d.pop("error"))

        def _parse_latency_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        latency_ms = _parse_latency_ms(d.pop("latency_ms"))

        def _parse_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model = _parse_model(d.pop("model"))

        output = d.pop("output")

        priority = d.pop("priority")

        def _parse_queue_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        queue_ms = _parse_queue_ms(d.pop("queue_ms"))

        def _parse_requested_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        requested_model = _parse_requested_model(d.pop("requested_model"))

        def _parse_role(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        role = _parse_role(d.pop("role"))

        def _parse_score(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        score = _parse_score(d.pop("score"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("started_at"))

        status = d.pop("status")

        swarm_id = d.pop("swarm_id")

        task_id = d.pop("task_id")

        def _parse_type_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        type_ = _parse_type_(d.pop("type"))

        usage = UsageOut.from_dict(d.pop("usage"))

        task_out = cls(
            agent_id=agent_id,
            attempts=attempts,
            complexity=complexity,
            cost_usd=cost_usd,
            depends_on=depends_on,
            ended_at=ended_at,
            error=error,
            latency_ms=latency_ms,
            model=model,
            output=output,
            priority=priority,
            queue_ms=queue_ms,
            requested_model=requested_model,
            role=role,
            score=score,
            started_at=started_at,
            status=status,
            swarm_id=swarm_id,
            task_id=task_id,
            type_=type_,
            usage=usage,
        )

        task_out.additional_properties = d
        return task_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
