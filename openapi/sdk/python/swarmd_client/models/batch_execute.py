from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.batch_execute_memory_strategy_type_0 import (
    BatchExecuteMemoryStrategyType0,
)
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.work_task import WorkTask


T = TypeVar("T", bound="BatchExecute")


@_attrs_define
class BatchExecute:
    """Run tasks in parallel and get one output for each, in the order sent.

    Attributes:
        tasks (list[WorkTask]):
        agent_id (None | str | Unset): The same as `orchestrator_id`
        aggregate (Any | Unset): As for a swarm; default: the orchestrator's aggregation_strategy
        context_window (int | None | Unset): Tokens a sub-agent may be sent: outputs of its dependencies and its earlier
            steps are shortened, never the task itself
        memory_strategy (BatchExecuteMemoryStrategyType0 | None | Unset): checkpoint: the outputs so far are merged
            after every tenth of the tasks
        orchestrator_id (None | str | Unset):
        output_schema (Any | Unset): JSON Schema of each task's output
        parallelism (int | None | Unset): Lowered to the orchestrator's max_parallel_agents
        routing (Any | Unset): Which model serves which task, as for a swarm
        validate (Any | Unset): A judge of every output, as for a swarm
        wait (bool | Unset):  Default: True.
    """

    tasks: list[WorkTask]
    agent_id: None | str | Unset = UNSET
    aggregate: Any | Unset = UNSET
    context_window: int | None | Unset = UNSET
    memory_strategy: BatchExecuteMemoryStrategyType0 | None | Unset = UNSET
    orchestrator_id: None | str | Unset = UNSET
    output_schema: Any | Unset = UNSET
    parallelism: int | None | Unset = UNSET
    routing: Any | Unset = UNSET
    validate: Any | Unset = UNSET
    wait: bool | Unset = True
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
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

        context_window: int | None | Unset
        if isinstance(self.context_window, Unset):
            context_window = UNSET
        else:
            context_window = self.context_window

        memory_strategy: None | str | Unset
        if isinstance(self.memory_strategy, Unset):
            memory_strategy = UNSET
        elif isinstance(self.memory_strategy, BatchExecuteMemoryStrategyType0):
            memory_strategy = self.memory_strategy.value
        else:
            memory_strategy = self.memory_strategy

        orchestrator_id: None | str | Unset
        if isinstance(self.orchestrator_id, Unset):
            orchestrator_id = UNSET
        else:
            orchestrator_id = self.orchestrator_id

        output_schema = self.output_schema

        parallelism: int | None | Unset
        if isinstance(self.parallelism, Unset):
            parallelism = UNSET
        else:
            parallelism = self.parallelism

        routing = self.routing

        validate = self.validate

        wait = self.wait

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "tasks": tasks,
            }
        )
        if agent_id is not UNSET:
            field_dict["agent_id"] = agent_id
        if aggregate is not UNSET:
            field_dict["aggregate"] = aggregate
        if context_window is not UNSET:
            field_dict["context_window"] = context_window
        if memory_strategy is not UNSET:
            field_dict["memory_strategy"] = memory_strategy
        if orchestrator_id is not UNSET:
            field_dict["orchestrator_id"] = orchestrator_id
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if parallelism is not UNSET:
            field_dict["parallelism"] = parallelism
        if routing is not UNSET:
            field_dict["routing"] = routing
        if validate is not UNSET:
            field_dict["validate"] = validate
        if wait is not UNSET:
            field_dict["wait"] = wait

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.work_task import WorkTask  # noqa: PLC0415

        d = dict(src_dict)
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

        def _parse_context_window(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        context_window = _parse_context_window(d.pop("context_window", UNSET))

        def _parse_memory_strategy(data: object) -> BatchExecuteMemoryStrategyType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                memory_strategy_type_0 = BatchExecuteMemoryStrategyType0(data)

                return memory_strategy_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BatchExecuteMemoryStrategyType0 | None | Unset, data)

        memory_strategy = _parse_memory_strategy(d.pop("memory_strategy", UNSET))

        def _parse_orchestrator_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        orchestrator_id = _parse_orchestrator_id(d.pop("orchestrator_id", UNSET))

        output_schema = d.pop("output_schema", UNSET)

        def _parse_parallelism(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        parallelism = _parse_parallelism(d.pop("parallelism", UNSET))

        routing = d.pop("routing", UNSET)

        validate = d.pop("validate", UNSET)

        wait = d.pop("wait", UNSET)

        batch_execute = cls(
            tasks=tasks,
            agent_id=agent_id,
            aggregate=aggregate,
            context_window=context_window,
            memory_strategy=memory_strategy,
            orchestrator_id=orchestrator_id,
            output_schema=output_schema,
            parallelism=parallelism,
            routing=routing,
            validate=validate,
            wait=wait,
        )

        batch_execute.additional_properties = d
        return batch_execute

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
