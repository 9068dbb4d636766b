from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.barrier_out_state import BarrierOutState

T = TypeVar("T", bound="BarrierOut")


@_attrs_define
class BarrierOut:
    """
    Attributes:
        barrier_id (int | str):
        completed (int):
        error (None | str):
        failed (int):
        orchestrator_id (str):
        state (BarrierOutState):
        swarm_id (None | str):
        total (int):
    """

    barrier_id: int | str
    completed: int
    error: None | str
    failed: int
    orchestrator_id: str
    state: BarrierOutState
    swarm_id: None | str
    total: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        barrier_id: int | str
        barrier_id = self.barrier_id

        completed = self.completed

        error: None | str
        error = self.error

        failed = self.failed

        orchestrator_id = self.orchestrator_id

        state = self.state.value

        swarm_id: None | str
        swarm_id = self.swarm_id

        total = self.total

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "barrier_id": barrier_id,
                "completed": completed,
                "error": error,
                "failed": failed,
                "orchestrator_id": orchestrator_id,
                "state": state,
                "swarm_id": swarm_id,
                "total": total,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_barrier_id(data: object) -> int | str:
            return cast(int | str, data)

        barrier_id = _parse_barrier_id(d.pop("barrier_id"))

        completed = d.pop("completed")

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        failed = d.pop("failed")

        orchestrator_id = d.pop("orchestrator_id")

        state = BarrierOutState(d.pop("state"))

        def _parse_swarm_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        swarm_id = _parse_swarm_id(d.pop("swarm_id"))

        total = d.pop("total")

        barrier_out = cls(
            barrier_id=barrier_id,
            completed=completed,
            error=error,
            failed=failed,
            orchestrator_id=orchestrator_id,
            state=state,
            swarm_id=swarm_id,
            total=total,
        )

        barrier_out.additional_properties = d
        return barrier_out

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
