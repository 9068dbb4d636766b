from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.tool_out_parameters import ToolOutParameters


T = TypeVar("T", bound="ToolOut")


@_attrs_define
class ToolOut:
    """
    Attributes:
        available (bool):
        concurrency (int): Runs at once in this process; a further one waits for its turn, and that time is the sub-
            agent's
        description (str):
        max_output_chars (int):
        name (str):
        parameters (ToolOutParameters): JSON Schema of the arguments
        reason (None | str): Why it is not available here
        timeout_s (float):
    """

    available: bool
    concurrency: int
    description: str
    max_output_chars: int
    name: str
    parameters: ToolOutParameters
    reason: None | str
    timeout_s: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        available = self.available

        concurrency = self.concurrency

        description = self.description

        max_output_chars = self.max_output_chars

        name = self.name

        parameters = self.parameters.to_dict()

        reason: None | str
        reason = self.reason

        timeout_s = self.timeout_s

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "available": available,
                "concurrency": concurrency,
                "description": description,
                "max_output_chars": max_output_chars,
                "name": name,
                "parameters": parameters,
                "reason": reason,
                "timeout_s": timeout_s,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.tool_out_parameters import ToolOutParameters  # noqa: PLC0415

        d = dict(src_dict)
        available = d.pop("available")

        concurrency = d.pop("concurrency")

        description = d.pop("description")

        max_output_chars = d.pop("max_output_chars")

        name = d.pop("name")

        parameters = ToolOutParameters.from_dict(d.pop("parameters"))

        def _parse_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reason = _parse_reason(d.pop("reason"))

        timeout_s = d.pop("timeout_s")

        tool_out = cls(
            available=available,
            concurrency=concurrency,
            description=description,
            max_output_chars=max_output_chars,
            name=name,
            parameters=parameters,
            reason=reason,
            timeout_s=timeout_s,
        )

        tool_out.additional_properties = d
        return tool_out

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
