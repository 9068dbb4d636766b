from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.barrier_executed_state import BarrierExecutedState

if TYPE_CHECKING:
    from ..models.output_out import OutputOut
    from ..models.summary_out import SummaryOut


T = TypeVar("T", bound="BarrierExecuted")


@_attrs_define
class BarrierExecuted:
    """
    Attributes:
        barrier_id (int | str):
        completed (int):
        error (None | str):
        failed (int):
        orchestrator_id (str):
        outputs (list[OutputOut]):
        state (BarrierExecutedState):
        summary (None | SummaryOut):
        swarm_id (None | str):
        total (int):
        warnings (list[str]):
    """

    barrier_id: int | str
    completed: int
    error: None | str
    failed: int
    orchestrator_id: str
    outputs: list[OutputOut]
    state: BarrierExecutedState
    summary: None | SummaryOut
    swarm_id: None | str
    total: int
    warnings: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.summary_out import SummaryOut  # noqa: PLC0415

        barrier_id: int | str
        barrier_id = self.barrier_id

        completed = self.completed

        error: None | str
        error = self.error

        failed = self.failed

        orchestrator_id = self.orchestrator_id

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        state = self.state.value

        summary: dict[str, Any] | None
        if isinstance(self.summary, SummaryOut):
            summary = self.summary.to_dict()
        else:
            summary = self.summary

        swarm_id: None | str
        swarm_id = self.swarm_id

        total = self.total

        warnings = self.warnings

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "barrier_id": barrier_id,
                "completed": completed,
                "error": error,
                "failed": failed,
                "orchestrator_id": orchestrator_id,
                "outputs": outputs,
                "state": state,
                "summary": summary,
                "swarm_id": swarm_id,
                "total": total,
                "warnings": warnings,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.output_out import OutputOut  # noqa: PLC0415
        from ..models.summary_out import SummaryOut  # noqa: PLC0415

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

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = OutputOut.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        state = BarrierExecutedState(d.pop("state"))

        def _parse_summary(data: object) -> None | SummaryOut:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                summary_type_0 = SummaryOut.from_dict(data)

                return summary_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SummaryOut, data)

        summary = _parse_summary(d.pop("summary"))

        def _parse_swarm_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        swarm_id = _parse_swarm_id(d.pop("swarm_id"))

        total = d.pop("total")

        warnings = cast(list[str], d.pop("warnings"))

        barrier_executed = cls(
            barrier_id=barrier_id,
            completed=completed,
            error=error,
            failed=failed,
            orchestrator_id=orchestrator_id,
            outputs=outputs,
            state=state,
            summary=summary,
            swarm_id=swarm_id,
            total=total,
            warnings=warnings,
        )

        barrier_executed.additional_properties = d
        return barrier_executed

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
