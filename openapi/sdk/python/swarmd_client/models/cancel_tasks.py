from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.cancel_tasks_states_type_0_item import CancelTasksStatesType0Item
from ..types import UNSET, Unset

T = TypeVar("T", bound="CancelTasks")


@_attrs_define
class CancelTasks:
    """Which tasks to cancel; with neither field the whole run.

    Attributes:
        states (list[CancelTasksStatesType0Item] | None | Unset): Of the tasks meant; with `task_ids` only those of them
        task_ids (list[str] | None | Unset): Ended ones stay
    """

    states: list[CancelTasksStatesType0Item] | None | Unset = UNSET
    task_ids: list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        states: list[str] | None | Unset
        if isinstance(self.states, Unset):
            states = UNSET
        elif isinstance(self.states, list):
            states = []
            for states_type_0_item_data in self.states:
                states_type_0_item = states_type_0_item_data.value
                states.append(states_type_0_item)

        else:
            states = self.states

        task_ids: list[str] | None | Unset
        if isinstance(self.task_ids, Unset):
            task_ids = UNSET
        elif isinstance(self.task_ids, list):
            task_ids = self.task_ids

        else:
            task_ids = self.task_ids

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if states is not UNSET:
            field_dict["states"] = states
        if task_ids is not UNSET:
            field_dict["task_ids"] = task_ids

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_states(data: object) -> list[CancelTasksStatesType0Item] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                states_type_0 = []
                _states_type_0 = data
                for states_type_0_item_data in _states_type_0:
                    states_type_0_item = CancelTasksStatesType0Item(states_type_0_item_data)

                    states_type_0.append(states_type_0_item)

                return states_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[CancelTasksStatesType0Item] | None | Unset, data)

        states = _parse_states(d.pop("states", UNSET))

        def _parse_task_ids(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                task_ids_type_0 = cast(list[str], data)

                return task_ids_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        task_ids = _parse_task_ids(d.pop("task_ids", UNSET))

        cancel_tasks = cls(
            states=states,
            task_ids=task_ids,
        )

        return cancel_tasks
