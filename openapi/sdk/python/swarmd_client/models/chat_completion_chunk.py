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
    from ..models.chat_completion_chunk_choices_item import ChatCompletionChunkChoicesItem
    from ..models.chat_usage import ChatUsage


T = TypeVar("T", bound="ChatCompletionChunk")


@_attrs_define
class ChatCompletionChunk:
    """One event of a stream. The last before `[DONE]` has what a whole answer adds: `latency_ms` and `usage.cost`.

    Attributes:
        choices (list[ChatCompletionChunkChoicesItem]):
        created (int):
        id (str):
        model (str):
        object_ (Literal['chat.completion.chunk']):
        latency_ms (float | None | Unset):
        requested_model (None | str | Unset):
        swarm (AnsweringSwarm | None | Unset):
        usage (ChatUsage | None | Unset):
    """

    choices: list[ChatCompletionChunkChoicesItem]
    created: int
    id: str
    model: str
    object_: Literal["chat.completion.chunk"]
    latency_ms: float | None | Unset = UNSET
    requested_model: None | str | Unset = UNSET
    swarm: AnsweringSwarm | None | Unset = UNSET
    usage: ChatUsage | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.answering_swarm import AnsweringSwarm  # noqa: PLC0415
        from ..models.chat_usage import ChatUsage  # noqa: PLC0415

        choices = []
        for choices_item_data in self.choices:
            choices_item = choices_item_data.to_dict()
            choices.append(choices_item)

        created = self.created

        id = self.id

        model = self.model

        object_ = self.object_

        latency_ms: float | None | Unset
        if isinstance(self.latency_ms, Unset):
            latency_ms = UNSET
        else:
            latency_ms = self.latency_ms

        requested_model: None | str | Unset
        if isinstance(self.requested_model, Unset):
            requested_model = UNSET
        else:
            requested_model = self.requested_model

        swarm: dict[str, Any] | None | Unset
        if isinstance(self.swarm, Unset):
            swarm = UNSET
        elif isinstance(self.swarm, AnsweringSwarm):
            swarm = self.swarm.to_dict()
        else:
            swarm = self.swarm

        usage: dict[str, Any] | None | Unset
        if isinstance(self.usage, Unset):
            usage = UNSET
        elif isinstance(self.usage, ChatUsage):
            usage = self.usage.to_dict()
        else:
            usage = self.usage

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "choices": choices,
                "created": created,
                "id": id,
                "model": model,
                "object": object_,
            }
        )
        if latency_ms is not UNSET:
            field_dict["latency_ms"] = latency_ms
        if requested_model is not UNSET:
            field_dict["requested_model"] = requested_model
        if swarm is not UNSET:
            field_dict["swarm"] = swarm
        if usage is not UNSET:
            field_dict["usage"] = usage

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.answering_swarm import AnsweringSwarm  # noqa: PLC0415
        from ..models.chat_completion_chunk_choices_item import (
            ChatCompletionChunkChoicesItem,  # noqa: PLC0415
        )
        from ..models.chat_usage import ChatUsage  # noqa: PLC0415

        d = dict(src_dict)
        choices = []
        _choices = d.pop("choices")
        for choices_item_data in _choices:
            choices_item = ChatCompletionChunkChoicesItem.from_dict(choices_item_data)

            choices.append(choices_item)

        created = d.pop("created")

        id = d.pop("id")

        model = d.pop("model")

        object_ = cast(Literal["chat.completion.chunk"], d.pop("object"))
        if object_ != "chat.completion.chunk":
            raise ValueError(f"object must match const 'chat.completion.chunk', got '{object_}'")

        def _parse_latency_ms(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        latency_ms = _parse_latency_ms(d.pop("latency_ms", UNSET))

        def _parse_requested_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        requested_model = _parse_requested_model(d.pop("requested_model", UNSET))

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

        def _parse_usage(data: object) -> ChatUsage | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                usage_type_0 = ChatUsage.from_dict(data)

                return usage_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ChatUsage | None | Unset, data)

        usage = _parse_usage(d.pop("usage", UNSET))

        chat_completion_chunk = cls(
            choices=choices,
            created=created,
            id=id,
            model=model,
            object_=object_,
            latency_ms=latency_ms,
            requested_model=requested_model,
            swarm=swarm,
            usage=usage,
        )

        chat_completion_chunk.additional_properties = d
        return chat_completion_chunk

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
