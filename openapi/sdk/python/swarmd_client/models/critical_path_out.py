from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.blame_out import BlameOut


T = TypeVar("T", bound="CriticalPathOut")


@_attrs_define
class CriticalPathOut:
    """Where the time of a run went.

    Attributes:
        blame (BlameOut): Milliseconds; the parts add up to the makespan.
        critical_steps (int): Steps that had to be made one after another: over all levels the main agent's and the
            slowest sub-agent's (the metric of Kimi K2.5)
        critical_tasks (list[str]): The chain of tasks that the end waited for, first to last
        makespan_ms (int): From the creation of the run to its end, or to now
        parallel_agents (int): Agents at work at the same time, at most
        parallel_efficiency (float): Speedup over the agents used at the same time
        speedup (float): What one agent alone would have taken, over the makespan
        total_steps (int):
    """

    blame: BlameOut
    critical_steps: int
    critical_tasks: list[str]
    makespan_ms: int
    parallel_agents: int
    parallel_efficiency: float
    speedup: float
    total_steps: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        blame = self.blame.to_dict()

        critical_steps = self.critical_steps

        critical_tasks = self.critical_tasks

        makespan_ms = self.makespan_ms

        parallel_agents = self.parallel_agents

        parallel_efficiency = self.parallel_efficiency

        speedup = self.speedup

        total_steps = self.total_steps

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "blame": blame,
                "critical_steps": critical_steps,
                "critical_tasks": critical_tasks,
                "makespan_ms": makespan_ms,
                "parallel_agents": parallel_agents,
                "parallel_efficiency": parallel_efficiency,
                "speedup": speedup,
                "total_steps": total_steps,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.blame_out import BlameOut  # noqa: PLC0415

        d = dict(src_dict)
        blame = BlameOut.from_dict(d.pop("blame"))

        critical_steps = d.pop("critical_steps")

        critical_tasks = cast(list[str], d.pop("critical_tasks"))

        makespan_ms = d.pop("makespan_ms")

        parallel_agents = d.pop("parallel_agents")

        parallel_efficiency = d.pop("parallel_efficiency")

        speedup = d.pop("speedup")

        total_steps = d.pop("total_steps")

        critical_path_out = cls(
            blame=blame,
            critical_steps=critical_steps,
            critical_tasks=critical_tasks,
            makespan_ms=makespan_ms,
            parallel_agents=parallel_agents,
            parallel_efficiency=parallel_efficiency,
            speedup=speedup,
            total_steps=total_steps,
        )

        critical_path_out.additional_properties = d
        return critical_path_out

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
