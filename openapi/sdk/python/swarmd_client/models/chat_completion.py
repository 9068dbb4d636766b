from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.answering_swarm import AnsweringSwarm
    from ..models.chat_completion_choices_item import ChatCompletionChoicesItem
    from ..models.chat_usage import ChatUsage


T = TypeVar("T", bound="ChatCompletion")


@_attrs_define
class ChatCompletion:
    """
    Attributes:
        choices (list[ChatCompletionChoicesItem]):
        created (int):
        id (str):
        latency_ms (float):
        model (str):
        object_ (Literal['chat.completion']):
        requested_model (str):
        usage (ChatUsage):
        swarm (AnsweringSwarm | None | Unset): Only where `model` was a swarm
    """

    choices: list[ChatCompletionChoicesItem]
    created: int
    id: str
    latency_ms: float
    model: str
    object_: Literal["chat.completion"]
    requested_model: str
    usage: ChatUsage
    swarm: AnsweringSwarm | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.answering_swarm import AnsweringSwarm  # noqa: PLC0415

        choices = []
        for choices_item_data in self.choices:
            choices_item = choices_item_data.to_dict()
            choices.append(choices_item)

        created = self.created

        id = self.id

        latency_ms = self.latency_ms

        model = self.model

        object_ = self.object_

        requested_model = self.requested_model

        usage = self.usage.to_dict()

        swarm: dict[str, Any] | None | Unset
        if isinstance(self.swarm, Unset):
            swarm = UNSET
        elif isinstance(self.swarm, AnsweringSwarm):
            swarm = self.swarm.to_dict()
        else:
            swarm = self.swarm

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "choices": choices,
                "created": created,
                "id": id,
                "latency_ms": latency_ms,
                "model": model,
                "object": object_,
                "requested_model": requested_model,
                "usage": usage,
            }
        )
        if swarm is not UNSET:
            field_dict["swarm"] = swarm

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.answering_swarm import AnsweringSwarm  # noqa: PLC0415
        from ..models.chat_completion_choices_item import ChatCompletionChoicesItem  # noqa: PLC0415
        from ..models.chat_usage import ChatUsage  # noqa: PLC0415

        d = dict(src_dict)
        choices = []
        _choices = d.pop("choices")
        for choices_item_data in _choices:
            choices_item = ChatCompletionChoicesItem.from_dict(choices_item_data)

            choices.append(choices_item)

        created = d.pop("created")

        id = d.pop("id")

        latency_ms = d.pop("latency_ms")

        model = d.pop("model")

        object_ = cast(Literal["chat.completion"], d.pop("object"))
        if object_ != "chat.completion":
            raise ValueError(f"object must match const 'chat.completion', got '{object_}'")

        requested_model = d.pop("requested_model")

        usage = ChatUsage.from_dict(d.pop("usage"))

        def _parse_swarm(data: object) -> AnsweringSwarm | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                swarm_type_0 = AnsweringSwarm.from_dict(data)

                return swarm_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AnsweringSwarm | None | Unset, data)

        swarm = _parse_swarm(d.pop("swarm", UNSET))

        chat_completion = cls(
            choices=choices,
            created=created,
            id=id,
            latency_ms=latency_ms,
            model=model,
            object_=object_,
            requested_model=requested_model,
            usage=usage,
            swarm=swarm,
        )

        chat_completion.additional_properties = d
        return chat_completion

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
