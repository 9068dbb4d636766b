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

from ..models.formats_in_priority_name import FormatsInPriorityName
from ..models.formats_in_tier_type_0 import FormatsInTierType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.format_in import FormatIn


T = TypeVar("T", bound="FormatsIn")


@_attrs_define
class FormatsIn:
    """One source in several formats, and a check that they state the same facts.

    Attributes:
        formats (list[FormatIn | str]):
        strategy (Literal['formats']):
        complexity (int | None | Unset):
        consistency_check (bool | Unset):  Default: True.
        max_output_tokens (int | None | Unset):
        model (None | str | Unset):
        output_schema (Any | Unset): JSON Schema of every task's output
        path (None | str | Unset): An uploaded file, by id or name, or a file of the service's workspace
        priority (FormatsInPriorityName | int | None | Unset): 1-10, 10 runs first; or low, normal, high, critical
        prompt (None | str | Unset): Wishes beside the formats' rules
        role (None | str | Unset):
        source (None | str | Unset): The text; or `path`
        tier (FormatsInTierType0 | None | Unset):
    """

    formats: list[FormatIn | str]
    strategy: Literal["formats"]
    complexity: int | None | Unset = UNSET
    consistency_check: bool | Unset = True
    max_output_tokens: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: Any | Unset = UNSET
    path: None | str | Unset = UNSET
    priority: FormatsInPriorityName | int | None | Unset = UNSET
    prompt: None | str | Unset = UNSET
    role: None | str | Unset = UNSET
    source: None | str | Unset = UNSET
    tier: FormatsInTierType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.format_in import FormatIn  # noqa: PLC0415

        formats = []
        for formats_item_data in self.formats:
            formats_item: dict[str, Any] | str
            if isinstance(formats_item_data, FormatIn):
                formats_item = formats_item_data.to_dict()
            else:
                formats_item = formats_item_data
            formats.append(formats_item)

        strategy = self.strategy

        complexity: int | None | Unset
        if isinstance(self.complexity, Unset):
            complexity = UNSET
        else:
            complexity = self.complexity

        consistency_check = self.consistency_check

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

        output_schema = self.output_schema

        path: None | str | Unset
        if isinstance(self.path, Unset):
            path = UNSET
        else:
            path = self.path

        priority: int | None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, FormatsInPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

        prompt: None | str | Unset
        if isinstance(self.prompt, Unset):
            prompt = UNSET
        else:
            prompt = self.prompt

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        source: None | str | Unset
        if isinstance(self.source, Unset):
            source = UNSET
        else:
            source = self.source

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, FormatsInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "formats": formats,
                "strategy": strategy,
            }
        )
        if complexity is not UNSET:
            field_dict["complexity"] = complexity
        if consistency_check is not UNSET:
            field_dict["consistency_check"] = consistency_check
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if path is not UNSET:
            field_dict["path"] = path
        if priority is not UNSET:
            field_dict["priority"] = priority
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if role is not UNSET:
            field_dict["role"] = role
        if source is not UNSET:
            field_dict["source"] = source
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.format_in import FormatIn  # noqa: PLC0415

        d = dict(src_dict)
        formats = []
        _formats = d.pop("formats")
        for formats_item_data in _formats:

            def _parse_formats_item(data: object) -> FormatIn | str:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    formats_item_type_1 = FormatIn.from_dict(data)

                    return formats_item_type_1
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                return cast(FormatIn | str, data)

            formats_item = _parse_formats_item(formats_item_data)

            formats.append(formats_item)

        strategy = cast(Literal["formats"], d.pop("strategy"))
        if strategy != "formats":
            raise ValueError(f"strategy must match const 'formats', got '{strategy}'")

        def _parse_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complexity = _parse_complexity(d.pop("complexity", UNSET))

        consistency_check = d.pop("consistency_check", UNSET)

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

        output_schema = d.pop("output_schema", UNSET)

        def _parse_path(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        path = _parse_path(d.pop("path", UNSET))

        def _parse_priority(data: object) -> FormatsInPriorityName | int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = FormatsInPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FormatsInPriorityName | int | None | Unset, data)

        priority = _parse_priority(d.pop("priority", UNSET))

        def _parse_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        prompt = _parse_prompt(d.pop("prompt", UNSET))

        def _parse_role(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        role = _parse_role(d.pop("role", UNSET))

        def _parse_source(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        source = _parse_source(d.pop("source", UNSET))

        def _parse_tier(data: object) -> FormatsInTierType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = FormatsInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FormatsInTierType0 | None | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        formats_in = cls(
            formats=formats,
            strategy=strategy,
            complexity=complexity,
            consistency_check=consistency_check,
            max_output_tokens=max_output_tokens,
            model=model,
            output_schema=output_schema,
            path=path,
            priority=priority,
            prompt=prompt,
            role=role,
            source=source,
            tier=tier,
        )

        return formats_in
