from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="BlameOut")


@_attrs_define
class BlameOut:
    """Milliseconds; the parts add up to the makespan.

    Attributes:
        dependency (int): From the end of the last dependency to ready; tasks of other runs
        merge (int): Merges, and what came after the last task
        model (int): Attempts that answered or run, and the planner
        queue (int): Ready, but without a slot, or paused
        rate_limit (int): Held back by the provider's limits, and attempts turned away
        retry (int): Failed attempts and their back-offs
        tools (int): The tools of those attempts
    """

    dependency: int
    merge: int
    model: int
    queue: int
    rate_limit: int
    retry: int
    tools: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        dependency = self.dependency

        merge = self.merge

        model = self.model

        queue = self.queue

        rate_limit = self.rate_limit

        retry = self.retry

        tools = self.tools

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "dependency": dependency,
                "merge": merge,
                "model": model,
                "queue": queue,
                "rate_limit": rate_limit,
                "retry": retry,
                "tools": tools,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        dependency = d.pop("dependency")

        merge = d.pop("merge")

        model = d.pop("model")

        queue = d.pop("queue")

        rate_limit = d.pop("rate_limit")

        retry = d.pop("retry")

        tools = d.pop("tools")

        blame_out = cls(
            dependency=dependency,
            merge=merge,
            model=model,
            queue=queue,
            rate_limit=rate_limit,
            retry=retry,
            tools=tools,
        )

        blame_out.additional_properties = d
        return blame_out

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
