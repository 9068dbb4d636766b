from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.retry_tasks_states_item import RetryTasksStatesItem
from ..types import UNSET, Unset

T = TypeVar("T", bound="RetryTasks")


@_attrs_define
class RetryTasks:
    """Which tasks to run again: those that failed, unless said otherwise.

    Attributes:
        error (None | str | Unset): Only those that ended with this kind of error
        states (list[RetryTasksStatesItem] | Unset):
        task_ids (list[str] | None | Unset):
    """

    error: None | str | Unset = UNSET
    states: list[RetryTasksStatesItem] | Unset = UNSET
    task_ids: list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        error: None | str | Unset
        if isinstance(self.error, Unset):
            error = UNSET
        else:
            error = self.error

        states: list[str] | Unset = UNSET
        if not isinstance(self.states, Unset):
            states = []
            for states_item_data in self.states:
                states_item = states_item_data.value
                states.append(states_item)

        task_ids: list[str] | None | Unset
        if isinstance(self.task_ids, Unset):
            task_ids = UNSET
        elif isinstance(self.task_ids, list):
            task_ids = self.task_ids

        else:
            task_ids = self.task_ids

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if error is not UNSET:
            field_dict["error"] = error
        if states is not UNSET:
            field_dict["states"] = states
        if task_ids is not UNSET:
            field_dict["task_ids"] = task_ids

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_error(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        error = _parse_error(d.pop("error", UNSET))

        _states = d.pop("states", UNSET)
        states: list[RetryTasksStatesItem] | Unset = UNSET
        if _states is not UNSET:
            states = []
            for states_item_data in _states:
                states_item = RetryTasksStatesItem(states_item_data)

                states.append(states_item)

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

        retry_tasks = cls(
            error=error,
            states=states,
            task_ids=task_ids,
        )

        return retry_tasks
