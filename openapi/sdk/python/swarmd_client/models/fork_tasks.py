from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.fork_task import ForkTask
    from ..models.webhook_in import WebhookIn


T = TypeVar("T", bound="ForkTasks")


@_attrs_define
class ForkTasks:
    """What to run anew; nothing is a replay.

    Attributes:
        name (None | str | Unset): Of the new run
        tasks (list[ForkTask] | Unset):
        webhook (None | str | Unset | WebhookIn): Where events of the new run are posted; that of the old one is not
            taken over
    """

    name: None | str | Unset = UNSET
    tasks: list[ForkTask] | Unset = UNSET
    webhook: None | str | Unset | WebhookIn = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        tasks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.tasks, Unset):
            tasks = []
            for tasks_item_data in self.tasks:
                tasks_item = tasks_item_data.to_dict()
                tasks.append(tasks_item)

        webhook: dict[str, Any] | None | str | Unset
        if isinstance(self.webhook, Unset):
            webhook = UNSET
        elif isinstance(self.webhook, WebhookIn):
            webhook = self.webhook.to_dict()
        else:
            webhook = self.webhook

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if tasks is not UNSET:
            field_dict["tasks"] = tasks
        if webhook is not UNSET:
            field_dict["webhook"] = webhook

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.fork_task import ForkTask  # noqa: PLC0415
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        _tasks = d.pop("tasks", UNSET)
        tasks: list[ForkTask] | Unset = UNSET
        if _tasks is not UNSET:
            tasks = []
            for tasks_item_data in _tasks:
                tasks_item = ForkTask.from_dict(tasks_item_data)

                tasks.append(tasks_item)

        def _parse_webhook(data: object) -> None | str | Unset | WebhookIn:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                webhook_type_1 = WebhookIn.from_dict(data)

                return webhook_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | str | Unset | WebhookIn, data)

        webhook = _parse_webhook(d.pop("webhook", UNSET))

        fork_tasks = cls(
            name=name,
            tasks=tasks,
            webhook=webhook,
        )

        return fork_tasks
