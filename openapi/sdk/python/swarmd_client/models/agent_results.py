from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.output_out import OutputOut
    from ..models.summary_out import SummaryOut


T = TypeVar("T", bound="AgentResults")


@_attrs_define
class AgentResults:
    """
    Attributes:
        agent_id (str):
        aggregated (Any):
        outputs (list[OutputOut]):
        pending (int): Tasks that have not ended
        status (str): idle, running, completed, partial or failed
        summary (SummaryOut):
    """

    agent_id: str
    aggregated: Any
    outputs: list[OutputOut]
    pending: int
    status: str
    summary: SummaryOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agent_id = self.agent_id

        aggregated = self.aggregated

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        pending = self.pending

        status = self.status

        summary = self.summary.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "aggregated": aggregated,
                "outputs": outputs,
                "pending": pending,
                "status": status,
                "summary": summary,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.output_out import OutputOut  # noqa: PLC0415
        from ..models.summary_out import SummaryOut  # noqa: PLC0415

        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        aggregated = d.pop("aggregated")

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = OutputOut.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        pending = d.pop("pending")

        status = d.pop("status")

        summary = SummaryOut.from_dict(d.pop("summary"))

        agent_results = cls(
            agent_id=agent_id,
            aggregated=aggregated,
            outputs=outputs,
            pending=pending,
            status=status,
            summary=summary,
        )

        agent_results.additional_properties = d
        return agent_results

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
