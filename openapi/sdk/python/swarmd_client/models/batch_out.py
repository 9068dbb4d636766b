from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.output_out import OutputOut
    from ..models.summary_out import SummaryOut


T = TypeVar("T", bound="BatchOut")


@_attrs_define
class BatchOut:
    """
    Attributes:
        aggregated (Any):
        outputs (list[OutputOut]): One for each task, in the order sent
        status (str):
        summary (SummaryOut):
        swarm_id (str):
        warnings (list[str]):
    """

    aggregated: Any
    outputs: list[OutputOut]
    status: str
    summary: SummaryOut
    swarm_id: str
    warnings: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        aggregated = self.aggregated

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        status = self.status

        summary = self.summary.to_dict()

        swarm_id = self.swarm_id

        warnings = self.warnings

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "aggregated": aggregated,
                "outputs": outputs,
                "status": status,
                "summary": summary,
                "swarm_id": swarm_id,
                "warnings": warnings,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.output_out import OutputOut  # noqa: PLC0415
        from ..models.summary_out import SummaryOut  # noqa: PLC0415

        d = dict(src_dict)
        aggregated = d.pop("aggregated")

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = OutputOut.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        status = d.pop("status")

        summary = SummaryOut.from_dict(d.pop("summary"))

        swarm_id = d.pop("swarm_id")

        warnings = cast(list[str], d.pop("warnings"))

        batch_out = cls(
            aggregated=aggregated,
            outputs=outputs,
            status=status,
            summary=summary,
            swarm_id=swarm_id,
            warnings=warnings,
        )

        batch_out.additional_properties = d
        return batch_out

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
