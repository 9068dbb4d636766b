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

from ..models.files_in_priority_name import FilesInPriorityName
from ..models.files_in_tier_type_0 import FilesInTierType0
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.file_in import FileIn


T = TypeVar("T", bound="FilesIn")


@_attrs_define
class FilesIn:
    """One task a file, or a part of a long one.

    Attributes:
        strategy (Literal['files']):
        complexity (int | None | Unset):
        files (list[FileIn] | None | Unset): Texts sent in the request
        glob (list[str] | None | str | Unset): Patterns of such paths: `*`, `?`, `[…]`, and `**` for any number of
            directories
        max_chars (int | Unset): A longer text is split between paragraphs or lines Default: 400000.
        max_output_tokens (int | None | Unset):
        model (None | str | Unset):
        output_schema (Any | Unset): JSON Schema of every task's output
        paths (list[str] | None | Unset): Uploaded files, by id or name (of several of one name the newest), and files
            of the service's workspace (SWARMD_WORKSPACE), relative to it; `./name` is always one of the workspace
        priority (FilesInPriorityName | int | None | Unset): 1-10, 10 runs first; or low, normal, high, critical
        prompt (None | str | Unset): What to do with each file
        role (None | str | Unset):
        tier (FilesInTierType0 | None | Unset):
    """

    strategy: Literal["files"]
    complexity: int | None | Unset = UNSET
    files: list[FileIn] | None | Unset = UNSET
    glob: list[str] | None | str | Unset = UNSET
    max_chars: int | Unset = 400000
    max_output_tokens: int | None | Unset = UNSET
    model: None | str | Unset = UNSET
    output_schema: Any | Unset = UNSET
    paths: list[str] | None | Unset = UNSET
    priority: FilesInPriorityName | int | None | Unset = UNSET
    prompt: None | str | Unset = UNSET
    role: None | str | Unset = UNSET
    tier: FilesInTierType0 | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        strategy = self.strategy

        complexity: int | None | Unset
        if isinstance(self.complexity, Unset):
            complexity = UNSET
        else:
            complexity = self.complexity

        files: list[dict[str, Any]] | None | Unset
        if isinstance(self.files, Unset):
            files = UNSET
        elif isinstance(self.files, list):
            files = []
            for files_type_0_item_data in self.files:
                files_type_0_item = files_type_0_item_data.to_dict()
                files.append(files_type_0_item)

        else:
            files = self.files

        glob: list[str] | None | str | Unset
        if isinstance(self.glob, Unset):
            glob = UNSET
        elif isinstance(self.glob, list):
            glob = self.glob

        else:
            glob = self.glob

        max_chars = self.max_chars

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

        paths: list[str] | None | Unset
        if isinstance(self.paths, Unset):
            paths = UNSET
        elif isinstance(self.paths, list):
            paths = self.paths

        else:
            paths = self.paths

        priority: int | None | str | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        elif isinstance(self.priority, FilesInPriorityName):
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

        tier: None | str | Unset
        if isinstance(self.tier, Unset):
            tier = UNSET
        elif isinstance(self.tier, FilesInTierType0):
            tier = self.tier.value
        else:
            tier = self.tier

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "strategy": strategy,
            }
        )
        if complexity is not UNSET:
            field_dict["complexity"] = complexity
        if files is not UNSET:
            field_dict["files"] = files
        if glob is not UNSET:
            field_dict["glob"] = glob
        if max_chars is not UNSET:
            field_dict["max_chars"] = max_chars
        if max_output_tokens is not UNSET:
            field_dict["max_output_tokens"] = max_output_tokens
        if model is not UNSET:
            field_dict["model"] = model
        if output_schema is not UNSET:
            field_dict["output_schema"] = output_schema
        if paths is not UNSET:
            field_dict["paths"] = paths
        if priority is not UNSET:
            field_dict["priority"] = priority
        if prompt is not UNSET:
            field_dict["prompt"] = prompt
        if role is not UNSET:
            field_dict["role"] = role
        if tier is not UNSET:
            field_dict["tier"] = tier

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.file_in import FileIn  # noqa: PLC0415

        d = dict(src_dict)
        strategy = cast(Literal["files"], d.pop("strategy"))
        if strategy != "files":
            raise ValueError(f"strategy must match const 'files', got '{strategy}'")

        def _parse_complexity(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        complexity = _parse_complexity(d.pop("complexity", UNSET))

        def _parse_files(data: object) -> list[FileIn] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                files_type_0 = []
                _files_type_0 = data
                for files_type_0_item_data in _files_type_0:
                    files_type_0_item = FileIn.from_dict(files_type_0_item_data)

                    files_type_0.append(files_type_0_item)

                return files_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[FileIn] | None | Unset, data)

        files = _parse_files(d.pop("files", UNSET))

        def _parse_glob(data: object) -> list[str] | None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                glob_type_1 = cast(list[str], data)

                return glob_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | str | Unset, data)

        glob = _parse_glob(d.pop("glob", UNSET))

        max_chars = d.pop("max_chars", UNSET)

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

        def _parse_paths(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                paths_type_0 = cast(list[str], data)

                return paths_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        paths = _parse_paths(d.pop("paths", UNSET))

        def _parse_priority(data: object) -> FilesInPriorityName | int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                priority_priority_name = FilesInPriorityName(data)

                return priority_priority_name
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FilesInPriorityName | int | None | Unset, data)

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

        def _parse_tier(data: object) -> FilesInTierType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                tier_type_0 = FilesInTierType0(data)

                return tier_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(FilesInTierType0 | None | Unset, data)

        tier = _parse_tier(d.pop("tier", UNSET))

        files_in = cls(
            strategy=strategy,
            complexity=complexity,
            files=files,
            glob=glob,
            max_chars=max_chars,
            max_output_tokens=max_output_tokens,
            model=model,
            output_schema=output_schema,
            paths=paths,
            priority=priority,
            prompt=prompt,
            role=role,
            tier=tier,
        )

        return files_in
