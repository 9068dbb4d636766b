from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="ValidateIn")


@_attrs_define
class ValidateIn:
    """A judge of every output: what it scores below the threshold is done again, with its critique.

    Attributes:
        rubric (str): What a good output is
        model (None | str | Unset): Default: the task's own
        threshold (float | Unset): Least score that is accepted, 0-1 Default: 0.7.
    """

    rubric: str
    model: None | str | Unset = UNSET
    threshold: float | Unset = 0.7

    def to_dict(self) -> dict[str, Any]:
        rubric = self.rubric

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        threshold = self.threshold

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "rubric": rubric,
            }
        )
        if model is not UNSET:
            field_dict["model"] = model
        if threshold is not UNSET:
            field_dict["threshold"] = threshold

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        rubric = d.pop("rubric")

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        threshold = d.pop("threshold", UNSET)

        validate_in = cls(
            rubric=rubric,
            model=model,
            threshold=threshold,
        )

        return validate_in
