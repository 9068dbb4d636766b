from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.model_usage_out import ModelUsageOut


T = TypeVar("T", bound="SwarmUsageOut")


@_attrs_define
class SwarmUsageOut:
    """
    Attributes:
        models (list[ModelUsageOut]):
        swarm_id (str):
    """

    models: list[ModelUsageOut]
    swarm_id: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        models = []
        for models_item_data in self.models:
            models_item = models_item_data.to_dict()
            models.append(models_item)

        swarm_id = self.swarm_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "models": models,
                "swarm_id": swarm_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.model_usage_out import ModelUsageOut  # noqa: PLC0415

        d = dict(src_dict)
        models = []
        _models = d.pop("models")
        for models_item_data in _models:
            models_item = ModelUsageOut.from_dict(models_item_data)

            models.append(models_item)

        swarm_id = d.pop("swarm_id")

        swarm_usage_out = cls(
            models=models,
            swarm_id=swarm_id,
        )

        swarm_usage_out.additional_properties = d
        return swarm_usage_out

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
