from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="MessageOut")


@_attrs_define
class MessageOut:
    """
    Attributes:
        body (Any):
        created_at (datetime.datetime): RFC 3339, UTC
        position (int): Order within the swarm, from 1
        sender (str): A sub-agent's id, or the name that a client gave
        sender_seq (int): Counts the sender's messages from 1, without a gap
        swarm_id (str):
        to (None | str): The sub-agent it is for
        topic (None | str):
    """

    body: Any
    created_at: datetime.datetime
    position: int
    sender: str
    sender_seq: int
    swarm_id: str
    to: None | str
    topic: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        body = self.body

        created_at = self.created_at.isoformat()

        position = self.position

        sender = self.sender

        sender_seq = self.sender_seq

        swarm_id = self.swarm_id

        to: None | str
        to = self.to

        topic: None | str
        topic = self.topic

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "body": body,
                "created_at": created_at,
                "position": position,
                "sender": sender,
                "sender_seq": sender_seq,
                "swarm_id": swarm_id,
                "to": to,
                "topic": topic,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        body = d.pop("body")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        position = d.pop("position")

        sender = d.pop("sender")

        sender_seq = d.pop("sender_seq")

        swarm_id = d.pop("swarm_id")

        def _parse_to(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        to = _parse_to(d.pop("to"))

        def _parse_topic(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        topic = _parse_topic(d.pop("topic"))

        message_out = cls(
            body=body,
            created_at=created_at,
            position=position,
            sender=sender,
            sender_seq=sender_seq,
            swarm_id=swarm_id,
            to=to,
            topic=topic,
        )

        message_out.additional_properties = d
        return message_out

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
