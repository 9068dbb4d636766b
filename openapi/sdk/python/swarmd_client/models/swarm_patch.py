from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.swarm_patch_priority_name import SwarmPatchPriorityName
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.budget_in import BudgetIn


T = TypeVar("T", bound="SwarmPatch")


@_attrs_define
class SwarmPatch:
    """Change a running swarm.

    Attributes:
        budget (BudgetIn | None | Unset): Caps to change; a raised one lets a paused run go on
        max_parallel_agents (int | None | Unset):
        max_steps (int | None | Unset): Model calls of the whole run; of an ended run too, before its retry
        priority (int | None | SwarmPatchPriorityName | Unset): Of all tasks of the run from now on, instead of their
            own
    """

    budget: BudgetIn | None | Unset = UNSET
    max_parallel_agents: int | None | Unset = UNSET
    max_steps: int | None | Unset = UNSET
    priority: int | None | SwarmPatchPriorityName | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.budget_in import BudgetIn  # noqa: PLC0415

        budget: dict[str, Any] | None | Unset
        if isinstance(self.budget, Unset):
            budget = UNSET
        elif isinstance(self.budget, BudgetIn):
            budget = self.budget.to_dict()
        else:
            budget = self.budget

        max_parallel_agents: int | None | Unset
        if isinstance(self.max_parallel_agents, Unset):
            max_parallel_agents = UNSET
        else:
            max_parallel_agents = self.max_parallel_agents

        max_steps: int | None | Unset
        if isinstance(self.max_steps, Unset):
            max_steps = UNSET
        else:
            max_steps = self.max_steps

        priority: int | None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, SwarmPatchPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if budget is not UNSET:
            field_dict["budget"] = budget
        if max_parallel_agents is not UNSET:
            field_dict["max_parallel_agents"] = max_parallel_agents
        if max_steps is not UNSET:
            field_dict["max_steps"] = max_steps
        if priority is not UNSET:
            field_dict["priority"] = priority

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.budget_in import BudgetIn  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_budget(data: object) -> BudgetIn | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                budget_type_0 = BudgetIn.from_dict(data)

                return budget_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BudgetIn | None | Unset, data)

        budget = _parse_budget(d.pop("budget", UNSET))

        def _parse_max_parallel_agents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_parallel_agents = _parse_max_parallel_agents(d.pop("max_parallel_agents", UNSET))

        def _parse_max_steps(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_steps = _parse_max_steps(d.pop("max_steps", UNSET))

        def _parse_priority(data: object) -> int | None | SwarmPatchPriorityName | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = SwarmPatchPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(int | None | SwarmPatchPriorityName | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        swarm_patch = cls(
            budget=budget,
            max_parallel_agents=max_parallel_agents,
            max_steps=max_steps,
            priority=priority,
        )

        return swarm_patch
