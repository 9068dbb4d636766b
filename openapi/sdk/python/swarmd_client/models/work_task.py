from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.work_task_priority_name import WorkTaskPriorityName
from ..models.work_task_tier_type_0 import WorkTaskTierType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.image_part import ImagePart
    from ..models.text_part import TextPart
    from ..models.video_part import VideoPart
    from ..models.work_task_output_schema_type_0 import WorkTaskOutputSchemaType0
    from ..models.work_task_tools_type_0_item_type_1 import WorkTaskToolsType0ItemType1


T = TypeVar("T", bound="WorkTask")


@_attrs_define
class WorkTask:
    """A task for an orchestrator; every further field (`sources`, `format`, …) reaches the sub-agent.

    Attributes:
        allow_failed_dependencies (bool | Unset):  Default: False.
        capability_tags (list[str] | Unset):
        complexity (int | None | Unset):
        data (Any | Unset):
        depends_on (list[str] | Unset):
        id (None | str | Unset): Unique in the request; made up where it is missing
        max_output_tokens (int | None | Unset):
        max_retries (int | None | Unset):
        max_steps (int | None | Unset): Calls of a model that uses tools, default 30; the last one is offered none, so
            that it answers
        model (None | str | Unset):
        output_schema (None | Unset | WorkTaskOutputSchemaType0): JSON Schema (2020-12) of the output, which is then the
            parsed value; checked always
        priority (int | Unset | WorkTaskPriorityName): 1-10, 10 runs first; or low, normal, high, critical (2, 5, 8, 10)
            Default: 5.
        prompt (list[ImagePart | TextPart | VideoPart] | None | str | Unset): What the sub-agent is to do, in words or
            message parts (text, image_url, video_url)
        role (None | str | Unset):
        tags (list[str] | None | Unset): The same as `capability_tags`
        task_id (None | str | Unset): The same as `id`
        tier (None | Unset | WorkTaskTierType0): thinking, instant or light: which models serve it, see `routing`
        timeout_s (float | None | Unset): Seconds of one attempt with its tools; default the run's, with `complexity` 20
            + 3 times that
        token_budget (int | None | Unset): Tokens in + out of the sub-agent over all its calls
        tools (list[str | WorkTaskToolsType0ItemType1] | None | Unset): Tools it may call, by name (GET /v1/tools);
            default: its orchestrator's
        type_ (None | str | Unset):
        weight (float | None | Unset): Of its vote; default 1
    """

    allow_failed_dependencies: bool | Unset = False
    capability_tags: list[str] | Unset = UNSET
    complexity: int | None | Unset = UNSET
    data: Any | Unset = UNSET
    depends_on: list[str] | Unset = UNSET
    id: None | str | Unset = UNSET
    max_output_tokens: int | None | Unset = UNSET
    max_retries: int | None | Unset = UNSET
    max_steps: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: None | Unset | WorkTaskOutputSchemaType0 = UNSET
    priority: int | Unset | WorkTaskPriorityName = 5
    prompt: list[ImagePart | TextPart | VideoPart] | None | str | Unset = UNSET
    role: None | str | Unset = UNSET
    tags: list[str] | None | Unset = UNSET
    task_id: None | str | Unset = UNSET
    tier: None | Unset | WorkTaskTierType0 = UNSET
    timeout_s: float | None | Unset = UNSET
    token_budget: int | None | Unset = UNSET
    tools: list[str | WorkTaskToolsType0ItemType1] | None | Unset = UNSET
    type_: None | str | Unset = UNSET
    weight: float | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415
        from ..models.work_task_output_schema_type_0 import WorkTaskOutputSchemaType0  # noqa: PLC0415
        from ..models.work_task_tools_type_0_item_type_1 import (
            WorkTaskToolsType0ItemType1,  # noqa: PLC0415
        )

        allow_failed_dependencies = self.allow_failed_dependencies

        capability_tags: list[str] | Unset = UNSET
        if not isinstance(self.capability_tags, Unset):
            capability_tags = self.capability_tags

        complexity: int | None | Unset
        if isinstance(self.complexity, Unset):
            complexity = UNSET
        else:
            complexity = self.complexity

        data = self.data

        depends_on: list[str] | Unset = UNSET
        if not isinstance(self.depends_on, Unset):
            depends_on = self.depends_on

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        else:
            id = self.id

        max_output_tokens: int | None | Unset
        if isinstance(self.max_output_tokens, Unset):
            max_output_tokens = UNSET
        else:
            max_output_tokens = self.max_output_tokens

        max_retries: int | None | Unset
        if isinstance(self.max_retries, Unset):
            max_retries = UNSET
        else:
            max_retries = self.max_retries

        max_steps: int | None | Unset
        if isinstance(self.max_steps, Unset):
            max_steps = UNSET
        else:
            max_steps = self.max_steps

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        output_schema: dict[str, Any] | None | Unset
        if isinstance(self.output_schema, Unset):
            output_schema = UNSET
        elif isinstance(self.output_schema, WorkTaskOutputSchemaType0):
            output_schema = self.output_schema.to_dict()
        else:
            output_schema = self.output_schema

        priority: int | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, WorkTaskPriorityName):
            priority = self.priority.value
        else:
            priority = self.priority

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

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        tags: list[str] | None | Unset
        if isinstance(self.tags, Unset):
            tags = UNSET
        elif isinstance(self.tags, list):
            tags = self.tags

        else:
            tags = self.tags

        task_id: None | str | Unset
        if isinstance(self.task_id, Unset):
            task_id = UNSET
        else:
            task_id = self.task_id

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, WorkTaskTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        timeout_s: float | None | Unset
        if isinstance(self.timeout_s, Unset):
            timeout_s = UNSET
        else:
            timeout_s = self.timeout_s

        token_budget: int | None | Unset
        if isinstance(self.token_budget, Unset):
            token_budget = UNSET
        else:
            token_budget = self.token_budget

        tools: list[dict[str, Any] | str] | None | Unset
        if isinstance(self.tools, Unset):
            tools = UNSET
        elif isinstance(self.tools, list):
            tools = []
            for tools_type_0_item_data in self.tools:
                tools_type_0_item: dict[str, Any] | str
                if isinstance(tools_type_0_item_data, WorkTaskToolsType0ItemType1):
                    tools_type_0_item = tools_type_0_item_data.to_dict()
                else:
                    tools_type_0_item = tools_type_0_item_data
                tools.append(tools_type_0_item)

        else:
            tools = self.tools

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        weight: float | None | Unset
        if isinstance(self.weight, Unset):
            weight = UNSET
        else:
            weight = self.weight

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if allow_failed_dependencies is not UNSET:
            field_dict["allow_failed_dependencies"] = allow_failed_dependencies
        if capability_tags is not UNSET:
            field_dict["capability_tags"] = capability_tags
        if complexity is not UNSET:
            field_dict["complexity"] = complexity
        if data is not UNSET:
            field_dict["data"] = data
        if depends_on is not UNSET:
            field_dict["depends_on"] = depends_on
        if id is not UNSET:
            field_dict["id"] = id
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if max_retries is not UNSET:
            field_dict["max_retries"] = max_retries
        if max_steps is not UNSET:
            field_dict["max_steps"] = max_steps
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if priority is not UNSET:
            field_dict["priority"] = priority
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if role is not UNSET:
            field_dict["role"] = role
        if tags is not UNSET:
            field_dict["tags"] = tags
        if task_id is not UNSET:
            field_dict["task_id"] = task_id
        if tier is not UNSET:
            field_dict["tier"] = tier
        if timeout_s is not UNSET:
            field_dict["timeout_s"] = timeout_s
        if token_budget is not UNSET:
            field_dict["token_budget"] = token_budget
        if tools is not UNSET:
            field_dict["tools"] = tools
        if type_ is not UNSET:
            field_dict["type"] = type_
        if weight is not UNSET:
            field_dict["weight"] = weight

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.image_part import ImagePart  # noqa: PLC0415
        from ..models.text_part import TextPart  # noqa: PLC0415
        from ..models.video_part import VideoPart  # noqa: PLC0415
        from ..models.work_task_output_schema_type_0 import WorkTaskOutputSchemaType0  # noqa: PLC0415
        from ..models.work_task_tools_type_0_item_type_1 import (
            WorkTaskToolsType0ItemType1,  # noqa: PLC0415
        )

        d = dict(src_dict)
        allow_failed_dependencies = d.pop("allow_failed_dependencies", UNSET)

        capability_tags = cast(list[str], d.pop("capability_tags", UNSET))

        def _parse_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complexity = _parse_complexity(d.pop("complexity", UNSET))

        data = d.pop("data", UNSET)

        depends_on = cast(list[str], d.pop("depends_on", UNSET))

        def _parse_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        id = _parse_id(d.pop("id", UNSET))

        def _parse_max_output_tokens(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_output_tokens = _parse_max_output_tokens(d.pop("max_output_tokens", UNSET))

        def _parse_max_retries(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_retries = _parse_max_retries(d.pop("max_retries", UNSET))

        def _parse_max_steps(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_steps = _parse_max_steps(d.pop("max_steps", UNSET))

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_output_schema(data: object) -> None | Unset | WorkTaskOutputSchemaType0:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                output_schema_type_0 = WorkTaskOutputSchemaType0.from_dict(data)

                return output_schema_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | WorkTaskOutputSchemaType0, data)

        output_schema = _parse_output_schema(d.pop("output_schema", UNSET))

        def _parse_priority(data: object) -> int | Unset | WorkTaskPriorityName:
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = WorkTaskPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(int | Unset | WorkTaskPriorityName, data)

        priority = _parse_priority(d.pop("priority", UNSET))

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

        def _parse_role(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        role = _parse_role(d.pop("role", UNSET))

        def _parse_tags(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tags_type_0 = cast(list[str], data)

                return tags_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        tags = _parse_tags(d.pop("tags", UNSET))

        def _parse_task_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        task_id = _parse_task_id(d.pop("task_id", UNSET))

        def _parse_tier(data: object) -> None | Unset | WorkTaskTierType0:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = WorkTaskTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | WorkTaskTierType0, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        def _parse_timeout_s(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        timeout_s = _parse_timeout_s(d.pop("timeout_s", UNSET))

        def _parse_token_budget(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        token_budget = _parse_token_budget(d.pop("token_budget", UNSET))

        def _parse_tools(data: object) -> list[str | WorkTaskToolsType0ItemType1] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tools_type_0 = []
                _tools_type_0 = data
                for tools_type_0_item_data in _tools_type_0:

                    def _parse_tools_type_0_item(data: object) -> str | WorkTaskToolsType0ItemType1:
                        try:
                            if not isinstance(data, dict):
                                raise TypeError()
                            tools_type_0_item_type_1 = WorkTaskToolsType0ItemType1.from_dict(data)

                            return tools_type_0_item_type_1
                        except (TypeError, ValueError, AttributeError, KeyError):
                            pass
                        return cast(str | WorkTaskToolsType0ItemType1, data)

                    tools_type_0_item = _parse_tools_type_0_item(tools_type_0_item_data)

                    tools_type_0.append(tools_type_0_item)

                return tools_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str | WorkTaskToolsType0ItemType1] | None | Unset, data)

        tools = _parse_tools(d.pop("tools", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        def _parse_weight(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        weight = _parse_weight(d.pop("weight", UNSET))

        work_task = cls(
            allow_failed_dependencies=allow_failed_dependencies,
            capability_tags=capability_tags,
            complexity=complexity,
            data=data,
            depends_on=depends_on,
            id=id,
            max_output_tokens=max_output_tokens,
            max_retries=max_retries,
            max_steps=max_steps,
            model=model,
            output_schema=output_schema,
            priority=priority,
            prompt=prompt,
            role=role,
            tags=tags,
            task_id=task_id,
            tier=tier,
            timeout_s=timeout_s,
            token_budget=token_budget,
            tools=tools,
            type_=type_,
            weight=weight,
        )

        work_task.additional_properties = d
        return work_task

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
