from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.barrier_execute_dependency_check import BarrierExecuteDependencyCheck
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.work_task import WorkTask


T = TypeVar("T", bound="BarrierExecute")


@_attrs_define
class BarrierExecute:
    """Run tasks behind a named barrier.

    Attributes:
        barrier_id (int | str):
        tasks (list[WorkTask]):
        agent_id (None | str | Unset): The same as `orchestrator_id`
        aggregate (Any | Unset): As for a swarm; default: the orchestrator's aggregation_strategy
        dependency_check (BarrierExecuteDependencyCheck | Unset):  Default: BarrierExecuteDependencyCheck.STRICT.
        orchestrator_id (None | str | Unset):
        output_schema (Any | Unset): JSON Schema of each task's output
        routing (Any | Unset): Which model serves which task, as for a swarm
        validate (Any | Unset): A judge of every output, as for a swarm
        wait_for_completion (bool | Unset):  Default: True.
    """

    barrier_id: int | str
    tasks: list[WorkTask]
    agent_id: None | str | Unset = UNSET
    aggregate: Any | Unset = UNSET
    dependency_check: BarrierExecuteDependencyCheck | Unset = BarrierExecuteDependencyCheck.STRICT
    orchestrator_id: None | str | Unset = UNSET
    output_schema: Any | Unset = UNSET
    routing: Any | Unset = UNSET
    validate: Any | Unset = UNSET
    wait_for_completion: bool | Unset = True
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        barrier_id: int | str
        barrier_id = self.barrier_id

        tasks = []
        for tasks_item_data in self.tasks:
            tasks_item = tasks_item_data.to_dict()
            tasks.append(tasks_item)

        agent_id: None | str | Unset
        if isinstance(self.agent_id, Unset):
            agent_id = UNSET
        else:
            agent_id = self.agent_id

        aggregate = self.aggregate

        dependency_check: str | Unset = UNSET
        if not isinstance(self.dependency_check, Unset):
            dependency_check = self.dependency_check.value

        orchestrator_id: None | str | Unset
        if isinstance(self.orchestrator_id, Unset):
            orchestrator_id = UNSET
        else:
            orchestrator_id = self.orchestrator_id

        output_schema = self.output_schema

        routing = self.routing

        validate = self.validate

        wait_for_completion = self.wait_for_completion

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "barrier_id": barrier_id,
                "tasks": tasks,
            }
        )
        if agent_id is not UNSET:
            field_dict["agent_id"] = agent_id
        if aggregate is not UNSET:
            field_dict["aggregate"] = aggregate
        if dependency_check is not UNSET:
            field_dict["dependency_check"] = dependency_check
        if orchestrator_id is not UNSET:
            field_dict["orchestrator_id"] = orchestrator_id
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if routing is not UNSET:
            field_dict["routing"] = routing
        if validate is not UNSET:
            field_dict["validate"] = validate
        if wait_for_completion is not UNSET:
            field_dict["wait_for_completion"] = wait_for_completion

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.work_task import WorkTask  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_barrier_id(data: object) -> int | str:
            return cast(int | str, data)

        barrier_id = _parse_barrier_id(d.pop("barrier_id"))

        tasks = []
        _tasks = d.pop("tasks")
        for tasks_item_data in _tasks:
            tasks_item = WorkTask.from_dict(tasks_item_data)

            tasks.append(tasks_item)

        def _parse_agent_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        agent_id = _parse_agent_id(d.pop("agent_id", UNSET))

        aggregate = d.pop("aggregate", UNSET)

        _dependency_check = d.pop("dependency_check", UNSET)
        dependency_check: BarrierExecuteDependencyCheck | Unset
        if isinstance(_dependency_check, Unset):
            dependency_check = UNSET
        else:
            dependency_check = BarrierExecuteDependencyCheck(_dependency_check)

        def _parse_orchestrator_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        orchestrator_id = _parse_orchestrator_id(d.pop("orchestrator_id", UNSET))

        output_schema = d.pop("output_schema", UNSET)

        routing = d.pop("routing", UNSET)

        validate = d.pop("validate", UNSET)

        wait_for_completion = d.pop("wait_for_completion", UNSET)

        barrier_execute = cls(
            barrier_id=barrier_id,
            tasks=tasks,
            agent_id=agent_id,
            aggregate=aggregate,
            dependency_check=dependency_check,
            orchestrator_id=orchestrator_id,
            output_schema=output_schema,
            routing=routing,
            validate=validate,
            wait_for_completion=wait_for_completion,
        )

        barrier_execute.additional_properties = d
        return barrier_execute

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
