from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.fork_task_tier_type_0 import ForkTaskTierType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.fork_task_output_schema_type_0 import ForkTaskOutputSchemaType0
    from ..models.image_part import ImagePart
    from ..models.text_part import TextPart
    from ..models.video_part import VideoPart


T = TypeVar("T", bound="ForkTask")


@_attrs_define
class ForkTask:
    """A task of a run and what a fork changes of it.

    Attributes:
        task_id (str):
        data (Any | Unset):
        max_output_tokens (int | None | Unset):
        model (None | str | Unset):
        output_schema (ForkTaskOutputSchemaType0 | None | Unset):
        prompt (list[ImagePart | TextPart | VideoPart] | None | str | Unset):
        tier (ForkTaskTierType0 | None | Unset):
    """

    task_id: str
    data: Any | Unset = UNSET
    max_output_tokens: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: ForkTaskOutputSchemaType0 | None | Unset = UNSET
    prompt: list[ImagePart | TextPart | VideoPart] | None | str | Unset = UNSET
    tier: ForkTaskTierType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.fork_task_output_schema_type_0 import ForkTaskOutputSchemaType0  # noqa: PLC0415
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415

        task_id = self.task_id

        data = self.data

        max_output_tokens: int | None | Unset
        if isinstance(self.max_output_tokens, Unset):
            max_output_tokens = UNSET
        else:
            max_output_tokens = self.max_output_tokens

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        output_schema: dict[str, Any] | None | Unset
        if isinstance(self.output_schema, Unset):
            output_schema = UNSET
        elif isinstance(self.output_schema, ForkTaskOutputSchemaType0):
            output_schema = self.output_schema.to_dict()
        else:
            output_schema = self.output_schema

        prompt: list[dict[str, Any]] | None | str | Unset
        if isinstance(self.prompt, Unset):
            prompt = UNSET
        elif isinstance(self.prompt, list):
            prompt = []
            for prompt_type_1_item_data in self.prompt:
                prompt_type_1_item: dict[str, Any]
                if isinstance(prompt_type_1_item_data, TextPart):
                    prompt_type_1_item = prompt_type_1_item_data.to_dict()
                elif isinstance(prompt_type_1_item_data, ImagePart):
                    prompt_type_1_item = prompt_type_1_item_data.to_dict()
                else:
                    prompt_type_1_item = prompt_type_1_item_data.to_dict()

                prompt.append(prompt_type_1_item)

        else:
            prompt = self.prompt

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, ForkTaskTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "task_id": task_id,
            }
        )
        if data is not UNSET:
            field_dict["data"] = data
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.fork_task_output_schema_type_0 import ForkTaskOutputSchemaType0  # noqa: PLC0415
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415
        from ..models.video_part import VideoPart  # noqa: PLC0415

        d = dict(src_dict)
        task_id = d.pop("task_id")

        data = d.pop("data", UNSET)

        def _parse_max_output_tokens(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_output_tokens = _parse_max_output_tokens(d.pop("max_output_tokens", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_output_schema(data: object) -> ForkTaskOutputSchemaType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                output_schema_type_0 = ForkTaskOutputSchemaType0.from_dict(data)

                return output_schema_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ForkTaskOutputSchemaType0 | None | Unset, data)

        output_schema = _parse_output_schema(d.pop("output_schema", UNSET))

        def _parse_prompt(data: object) -> list[ImagePart | TextPart | VideoPart] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                prompt_type_1 = []
                _prompt_type_1 = data
                for prompt_type_1_item_data in _prompt_type_1:

                    def _parse_prompt_type_1_item(data: object) -> ImagePart | TextPart | VideoPart:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            prompt_type_1_item_type_0 = TextPart.from_dict(data)

                            return prompt_type_1_item_type_0
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            prompt_type_1_item_type_1 = ImagePart.from_dict(data)

                            return prompt_type_1_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        if not isinstance(data, dict):
                            raise TypeError()
                        prompt_type_1_item_type_2 = VideoPart.from_dict(data)

                        return prompt_type_1_item_type_2

                    prompt_type_1_item = _parse_prompt_type_1_item(prompt_type_1_item_data)

                    prompt_type_1.append(prompt_type_1_item)

                return prompt_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[ImagePart | TextPart | VideoPart] | None | str | Unset, data)

        prompt = _parse_prompt(d.pop("prompt", UNSET))

        def _parse_tier(data: object) -> ForkTaskTierType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = ForkTaskTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ForkTaskTierType0 | None | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        fork_task = cls(
            task_id=task_id,
            data=data,
            max_output_tokens=max_output_tokens,
            model=model,
            output_schema=output_schema,
            prompt=prompt,
            tier=tier,
        )

        return fork_task
