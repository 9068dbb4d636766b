from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="EventOut")


@_attrs_define
class EventOut:
    """One event; further fields depend on its `type`: see `/asyncapi.json`.

    Attributes:
        seq (int): Counts from 1 within the swarm, without a gap
        swarm_id (str):
        task_id (None | str):
        ts (datetime.datetime): RFC 3339, UTC
        type_ (str):
        agent_id (None | str | Unset):
        attempt (int | None | Unset):
    """

    seq: int
    swarm_id: str
    task_id: None | str
    ts: datetime.datetime
    type_: str
    agent_id: None | str | Unset = UNSET
    attempt: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        seq = self.seq

        swarm_id = self.swarm_id

        task_id: None | str
        task_id = self.task_id

        ts = self.ts.isoformat()

        type_ = self.type_

        agent_id: None | str | Unset
        if isinstance(self.agent_id, Unset):
            agent_id = UNSET
        else:
            agent_id = self.agent_id

        attempt: int | None | Unset
        if isinstance(self.attempt, Unset):
            attempt = UNSET
        else:
            attempt = self.attempt

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "seq": seq,
                "swarm_id": swarm_id,
                "task_id": task_id,
                "ts": ts,
                "type": type_,
            }
        )
        if agent_id is not UNSET:
            field_dict["agent_id"] = agent_id
        if attempt is not UNSET:
            field_dict["attempt"] = attempt

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        seq = d.pop("seq")

        swarm_id = d.pop("swarm_id")

        def _parse_task_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        task_id = _parse_task_id(d.pop("task_id"))

        ts = datetime.datetime.fromisoformat(d.pop("ts"))

        type_ = d.pop("type")

        def _parse_agent_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        agent_id = _parse_agent_id(d.pop("agent_id", UNSET))

        def _parse_attempt(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        attempt = _parse_attempt(d.pop("attempt", UNSET))

        event_out = cls(
            seq=seq,
            swarm_id=swarm_id,
            task_id=task_id,
            ts=ts,
            type_=type_,
            agent_id=agent_id,
            attempt=attempt,
        )

        event_out.additional_properties = d
        return event_out

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
