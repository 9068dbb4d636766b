from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.file_in import FileIn


T = TypeVar("T", bound="AttachmentsIn")


@_attrs_define
class AttachmentsIn:
    """The texts that a goal is about; at least one of the three.

    Attributes:
        files (list[FileIn] | None | Unset): Texts sent in the request
        glob (list[str] | None | str | Unset): Patterns of such paths: `*`, `?`, `[…]`, and `**` for any number of
            directories
        paths (list[str] | None | Unset): Uploaded files, by id or name (of several of one name the newest), and files
            of the service's workspace (SWARMD_WORKSPACE), relative to it; `./name` is always one of the workspace
    """

    files: list[FileIn] | None | Unset = UNSET
    glob: list[str] | None | str | Unset = UNSET
    paths: list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
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

        paths: list[str] | None | Unset
        if isinstance(self.paths, Unset):
            paths = UNSET
        elif isinstance(self.paths, list):
            paths = self.paths

        else:
            paths = self.paths

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if files is not UNSET:
            field_dict["files"] = files
        if glob is not UNSET:
            field_dict["glob"] = glob
        if paths is not UNSET:
            field_dict["paths"] = paths

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.file_in import FileIn  # noqa: PLC0415

        d = dict(src_dict)

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

        attachments_in = cls(
            files=files,
            glob=glob,
            paths=paths,
        )

        return attachments_in
