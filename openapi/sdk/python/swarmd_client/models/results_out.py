from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.aggregation_out import AggregationOut
    from ..models.summary_out import SummaryOut
    from ..models.task_out import TaskOut


T = TypeVar("T", bound="ResultsOut")


@_attrs_define
class ResultsOut:
    """
    Attributes:
        aggregated (Any):
        aggregation (AggregationOut | None):
        missing (list[str]):
        outputs (list[TaskOut]): One for each task, in the order of the request
        status (str):
        summary (SummaryOut):
        swarm_id (str):
    """

    aggregated: Any
    aggregation: AggregationOut | None
    missing: list[str]
    outputs: list[TaskOut]
    status: str
    summary: SummaryOut
    swarm_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.aggregation_out import AggregationOut  # noqa: PLC0415

        aggregated = self.aggregated

        aggregation: dict[str, Any] | None
        if isinstance(self.aggregation, AggregationOut):
            aggregation = self.aggregation.to_dict()
        else:
            aggregation = self.aggregation

        missing = self.missing

        outputs = []
        for outputs_item_data in self.outputs:
            outputs_item = outputs_item_data.to_dict()
            outputs.append(outputs_item)

        status = self.status

        summary = self.summary.to_dict()

        swarm_id = self.swarm_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "aggregated": aggregated,
                "aggregation": aggregation,
                "missing": missing,
                "outputs": outputs,
                "status": status,
                "summary": summary,
                "swarm_id": swarm_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aggregation_out import AggregationOut  # noqa: PLC0415
        from ..models.summary_out import SummaryOut  # noqa: PLC0415
        from ..models.task_out import TaskOut  # noqa: PLC0415

        d = dict(src_dict)
        aggregated = d.pop("aggregated")

        def _parse_aggregation(data: object) -> AggregationOut | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                aggregation_type_0 = AggregationOut.from_dict(data)

                return aggregation_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AggregationOut | None, data)

        aggregation = _parse_aggregation(d.pop("aggregation"))

        missing = cast(list[str], d.pop("missing"))

        outputs = []
        _outputs = d.pop("outputs")
        for outputs_item_data in _outputs:
            outputs_item = TaskOut.from_dict(outputs_item_data)

            outputs.append(outputs_item)

        status = d.pop("status")

        summary = SummaryOut.from_dict(d.pop("summary"))

        swarm_id = d.pop("swarm_id")

        results_out = cls(
            aggregated=aggregated,
            aggregation=aggregation,
            missing=missing,
            outputs=outputs,
            status=status,
            summary=summary,
            swarm_id=swarm_id,
        )

        results_out.additional_properties = d
        return results_out

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
