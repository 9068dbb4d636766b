from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Accepted")


@_attrs_define
class Accepted:
    """The work goes on in the background.

    Attributes:
        orchestrator_id (str):
        status (str):
        swarm_id (str):
        total (int):
        warnings (list[str]):
    """

    orchestrator_id: str
    status: str
    swarm_id: str
    total: int
    warnings: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        orchestrator_id = self.orchestrator_id

        status = self.status

        swarm_id = self.swarm_id

        total = self.total

        warnings = self.warnings

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "orchestrator_id": orchestrator_id,
                "status": status,
                "swarm_id": swarm_id,
                "total": total,
                "warnings": warnings,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        orchestrator_id = d.pop("orchestrator_id")

        status = d.pop("status")

        swarm_id = d.pop("swarm_id")

        total = d.pop("total")

        warnings = cast(list[str], d.pop("warnings"))

        accepted = cls(
            orchestrator_id=orchestrator_id,
            status=status,
            swarm_id=swarm_id,
            total=total,
            warnings=warnings,
        )

        accepted.additional_properties = d
        return accepted

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
