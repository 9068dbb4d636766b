from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.usage_out import UsageOut


T = TypeVar("T", bound="OutputOut")


@_attrs_define
class OutputOut:
    """What one task gave: failed ones come with `status` and `error`.

    Attributes:
        agent_id (str):
        attempts (int):
        cost_usd (float | None):
        error (None | str):
        id (str):
        latency_ms (float | None):
        model (None | str):
        output (Any):
        requested_model (None | str):
        status (str):
        swarm_id (str):
        task_id (str):
        usage (UsageOut):
    """

    agent_id: str
    attempts: int
    cost_usd: float | None
    error: None | str
    id: str
    latency_ms: float | None
    model: None | str
    output: Any
    requested_model: None | str
    status: str
    swarm_id: str
    task_id: str
    usage: UsageOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agent_id = self.agent_id

        attempts = self.attempts

        cost_usd: float | None
        cost_usd = self.cost_usd

        error: None | str
        error = self.error

        id = self.id

        latency_ms: float | None
        latency_ms = self.latency_ms

        model: None | str
        model = self.model

        output = self.output

        requested_model: None | str
        requested_model = self.requested_model

        status = self.status

        swarm_id = self.swarm_id

        task_id = self.task_id

        usage = self.usage.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "attempts": attempts,
                "cost_usd": cost_usd,
                "error": error,
                "id": id,
                "latency_ms": latency_ms,
                "model": model,
                "output": output,
                "requested_model": requested_model,
                "status": status,
                "swarm_id": swarm_id,
                "task_id": task_id,
                "usage": usage,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.usage_out import UsageOut  # noqa: PLC0415

        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        attempts = d.pop("attempts")

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        id = d.pop("id")

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

        def _parse_requested_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        requested_model = _parse_requested_model(d.pop("requested_model"))

        status = d.pop("status")

        swarm_id = d.pop("swarm_id")

        task_id = d.pop("task_id")

        usage = UsageOut.from_dict(d.pop("usage"))

        output_out = cls(
            agent_id=agent_id,
            attempts=attempts,
            cost_usd=cost_usd,
            error=error,
            id=id,
            latency_ms=latency_ms,
            model=model,
            output=output,
            requested_model=requested_model,
            status=status,
            swarm_id=swarm_id,
            task_id=task_id,
            usage=usage,
        )

        output_out.additional_properties = d
        return output_out

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
