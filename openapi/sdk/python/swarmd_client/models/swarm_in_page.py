from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.swarm_in_page_pause_reason_type_0 import SwarmInPagePauseReasonType0

if TYPE_CHECKING:
    from ..models.budget_out import BudgetOut
    from ..models.counts_out import CountsOut
    from ..models.swarm_in_page_metadata import SwarmInPageMetadata
    from ..models.swarm_in_page_tokens import SwarmInPageTokens


T = TypeVar("T", bound="SwarmInPage")


@_attrs_define
class SwarmInPage:
    """
    Attributes:
        agent_id (str): Its orchestrator
        budget (BudgetOut | None):
        cost_usd (float):
        counts (CountsOut):
        created_at (datetime.datetime): RFC 3339, UTC
        critical_path (Any):
        ended_at (datetime.datetime | None):
        error (None | str):
        max_parallel_agents (int):
        metadata (SwarmInPageMetadata):
        name (None | str):
        p95_ms (float | None): Of the completed tasks so far; null unless asked for with `figures`
        pause_reason (None | SwarmInPagePauseReasonType0):
        priority (int | None): Of all its tasks, where it was set; else each has its own
        start_at (datetime.datetime | None): When it begins, until it does
        started_at (datetime.datetime | None): null while it waits for `start_at`
        status (str):
        steps (int):
        swarm_id (str):
        tokens (SwarmInPageTokens): `in` includes `cached`
    """

    agent_id: str
    budget: BudgetOut | None
    cost_usd: float
    counts: CountsOut
    created_at: datetime.datetime
    critical_path: Any
    ended_at: datetime.datetime | None
    error: None | str
    max_parallel_agents: int
    metadata: SwarmInPageMetadata
    name: None | str
    p95_ms: float | None
    pause_reason: None | SwarmInPagePauseReasonType0
    priority: int | None
    start_at: datetime.datetime | None
    started_at: datetime.datetime | None
    status: str
    steps: int
    swarm_id: str
    tokens: SwarmInPageTokens
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.budget_out import BudgetOut  # noqa: PLC0415

        agent_id = self.agent_id

        budget: dict[str, Any] | None
        if isinstance(self.budget, BudgetOut):
            budget = self.budget.to_dict()
        else:
            budget = self.budget

        cost_usd = self.cost_usd

        counts = self.counts.to_dict()

        created_at = self.created_at.isoformat()

        critical_path = self.critical_path

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        error: None | str
        error = self.error

        max_parallel_agents = self.max_parallel_agents

        metadata = self.metadata.to_dict()

        name: None | str
        name = self.name

        p95_ms: float | None
        p95_ms = self.p95_ms

        pause_reason: None | str
        if isinstance(self.pause_reason, SwarmInPagePauseReasonType0):
            pause_reason = self.pause_reason.value
        else:
            pause_reason = self.pause_reason

        priority: int | None
        priority = self.priority

        start_at: None | str
        if isinstance(self.start_at, datetime.datetime):
            start_at = self.start_at.isoformat()
        else:
            start_at = self.start_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        status = self.status

        steps = self.steps

        swarm_id = self.swarm_id

        tokens = self.tokens.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent_id": agent_id,
                "budget": budget,
                "cost_usd": cost_usd,
                "counts": counts,
                "created_at": created_at,
                "critical_path": critical_path,
                "ended_at": ended_at,
                "error": error,
                "max_parallel_agents": max_parallel_agents,
                "metadata": metadata,
                "name": name,
                "p95_ms": p95_ms,
                "pause_reason": pause_reason,
                "priority": priority,
                "start_at": start_at,
                "started_at": started_at,
                "status": status,
                "steps": steps,
                "swarm_id": swarm_id,
                "tokens": tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.budget_out import BudgetOut  # noqa: PLC0415
        from ..models.counts_out import CountsOut  # noqa: PLC0415
        from ..models.swarm_in_page_metadata import SwarmInPageMetadata  # noqa: PLC0415
        from ..models.swarm_in_page_tokens import SwarmInPageTokens  # noqa: PLC0415

        d = dict(src_dict)
        agent_id = d.pop("agent_id")

        def _parse_budget(data: object) -> BudgetOut | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                budget_type_0 = BudgetOut.from_dict(data)

                return budget_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BudgetOut | None, data)

        budget = _parse_budget(d.pop("budget"))

        cost_usd = d.pop("cost_usd")

        counts = CountsOut.from_dict(d.pop("counts"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        critical_path = d.pop("critical_path")

        def _parse_ended_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ended_at = _parse_ended_at(d.pop("ended_at"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        max_parallel_agents = d.pop("max_parallel_agents")

        metadata = SwarmInPageMetadata.from_dict(d.pop("metadata"))

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_p95_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        p95_ms = _parse_p95_ms(d.pop("p95_ms"))

        def _parse_pause_reason(data: object) -> None | SwarmInPagePauseReasonType0:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                pause_reason_type_0 = SwarmInPagePauseReasonType0(data)

                return pause_reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SwarmInPagePauseReasonType0, data)

        pause_reason = _parse_pause_reason(d.pop("pause_reason"))

        def _parse_priority(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        priority = _parse_priority(d.pop("priority"))

        def _parse_start_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                start_at_type_0 = datetime.datetime.fromisoformat(data)

                return start_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        start_at = _parse_start_at(d.pop("start_at"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("started_at"))

        status = d.pop("status")

        steps = d.pop("steps")

        swarm_id = d.pop("swarm_id")

        tokens = SwarmInPageTokens.from_dict(d.pop("tokens"))

        swarm_in_page = cls(
            agent_id=agent_id,
            budget=budget,
            cost_usd=cost_usd,
            counts=counts,
            created_at=created_at,
            critical_path=critical_path,
            ended_at=ended_at,
            error=error,
            max_parallel_agents=max_parallel_agents,
            metadata=metadata,
            name=name,
            p95_ms=p95_ms,
            pause_reason=pause_reason,
            priority=priority,
            start_at=start_at,
            started_at=started_at,
            status=status,
            steps=steps,
            swarm_id=swarm_id,
            tokens=tokens,
        )

        swarm_in_page.additional_properties = d
        return swarm_in_page

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
