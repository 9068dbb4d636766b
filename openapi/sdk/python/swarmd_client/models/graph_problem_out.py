from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="GraphProblemOut")


@_attrs_define
class GraphProblemOut:
    """What is wrong with a graph.

    Attributes:
        code (str):
        detail (str):
        path (list[str] | None): Of a cycle: its tasks, the first one repeated at the end
        pointer (str): RFC 6901 JSON pointer into the request
    """

    code: str
    detail: str
    path: list[str] | None
    pointer: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        detail = self.detail

        path: list[str] | None
        if isinstance(self.path, list):
            path = self.path

        else:
            path = self.path

        pointer = self.pointer

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
                "path": path,
                "pointer": pointer,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        code = d.pop("code")

        detail = d.pop("detail")

        def _parse_path(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                path_type_0 = cast(list[str], data)

                return path_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        path = _parse_path(d.pop("path"))

        pointer = d.pop("pointer")

        graph_problem_out = cls(
            code=code,
            detail=detail,
            path=path,
            pointer=pointer,
        )

        graph_problem_out.additional_properties = d
        return graph_problem_out

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
