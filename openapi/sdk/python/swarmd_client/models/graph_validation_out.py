from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.graph_problem_out import GraphProblemOut
    from ..models.simulation_out import SimulationOut


T = TypeVar("T", bound="GraphValidationOut")


@_attrs_define
class GraphValidationOut:
    """
    Attributes:
        levels (int | None): Tasks of the longest chain of dependencies
        prediction (None | SimulationOut): As `POST /v1/swarms/simulate`; null where it is not valid
        problems (list[GraphProblemOut]):
        task_count (int | None): null where the tasks could not be read
        valid (bool): Whether `POST /v1/swarms` would start it as of now
        warnings (list[str]): What would be missing, and what the prediction cannot tell
        widths (list[int] | None): Tasks of each level, first to last
    """

    levels: int | None
    prediction: None | SimulationOut
    problems: list[GraphProblemOut]
    task_count: int | None
    valid: bool
    warnings: list[str]
    widths: list[int] | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.simulation_out import SimulationOut  # noqa: PLC0415

        levels: int | None
        levels = self.levels

        prediction: dict[str, Any] | None
        if isinstance(self.prediction, SimulationOut):
            prediction = self.prediction.to_dict()
        else:
            prediction = self.prediction

        problems = []
        for problems_item_data in self.problems:
            problems_item = problems_item_data.to_dict()
            problems.append(problems_item)

        task_count: int | None
        task_count = self.task_count

        valid = self.valid

        warnings = self.warnings

        widths: list[int] | None
        if isinstance(self.widths, list):
            widths = self.widths

        else:
            widths = self.widths

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "levels": levels,
                "prediction": prediction,
                "problems": problems,
                "task_count": task_count,
                "valid": valid,
                "warnings": warnings,
                "widths": widths,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.graph_problem_out import GraphProblemOut  # noqa: PLC0415
        from ..models.simulation_out import SimulationOut  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_levels(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        levels = _parse_levels(d.pop("levels"))

        def _parse_prediction(data: object) -> None | SimulationOut:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                prediction_type_0 = SimulationOut.from_dict(data)

                return prediction_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SimulationOut, data)

        prediction = _parse_prediction(d.pop("prediction"))

        problems = []
        _problems = d.pop("problems")
        for problems_item_data in _problems:
            problems_item = GraphProblemOut.from_dict(problems_item_data)

            problems.append(problems_item)

        def _parse_task_count(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        task_count = _parse_task_count(d.pop("task_count"))

        valid = d.pop("valid")

        warnings = cast(list[str], d.pop("warnings"))

        def _parse_widths(data: object) -> list[int] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                widths_type_0 = cast(list[int], data)

                return widths_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[int] | None, data)

        widths = _parse_widths(d.pop("widths"))

        graph_validation_out = cls(
            levels=levels,
            prediction=prediction,
            problems=problems,
            task_count=task_count,
            valid=valid,
            warnings=warnings,
            widths=widths,
        )

        graph_validation_out.additional_properties = d
        return graph_validation_out

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
