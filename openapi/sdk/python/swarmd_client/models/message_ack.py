from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="MessageAck")


@_attrs_define
class MessageAck:
    """
    Attributes:
        consumer (str): Without `topic` the task or sub-agent whose messages these are, else a name
        up_to (int): Position of the last message that is done with; 0 makes a new consumer of a topic one that is
            waited for
        topic (None | str | Unset):
    """

    consumer: str
    up_to: int
    topic: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        consumer = self.consumer

        up_to = self.up_to

        topic: None | str | Unset
        if isinstance(self.topic, Unset):
            topic = UNSET
        else:
            topic = self.topic

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "consumer": consumer,
                "up_to": up_to,
            }
        )
        if topic is not UNSET:
            field_dict["topic"] = topic

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        consumer = d.pop("consumer")

        up_to = d.pop("up_to")

        def _parse_topic(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        topic = _parse_topic(d.pop("topic", UNSET))

        message_ack = cls(
            consumer=consumer,
            up_to=up_to,
            topic=topic,
        )

        return message_ack
