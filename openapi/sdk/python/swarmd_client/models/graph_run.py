from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.graph_run_inputs import GraphRunInputs
    from ..models.graph_run_metadata import GraphRunMetadata
    from ..models.webhook_in import WebhookIn


T = TypeVar("T", bound="GraphRun")


@_attrs_define
class GraphRun:
    """What is different in one run of a saved graph; each field wins over the saved one.

    Attributes:
        inputs (GraphRunInputs | Unset): `data` by task id: an object is merged over the saved one, field by field, else
            it replaces it
        metadata (GraphRunMetadata | Unset): Merged over the saved one
        model (None | str | Unset):
        name (None | str | Unset):
        webhook (None | str | Unset | WebhookIn):
    """

    inputs: GraphRunInputs | Unset = UNSET
    metadata: GraphRunMetadata | Unset = UNSET
    model: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    webhook: None | str | Unset | WebhookIn = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        inputs: dict[str, Any] | Unset = UNSET
        if not isinstance(self.inputs, Unset):
            inputs = self.inputs.to_dict()

        metadata: dict[str, Any] | Unset = UNSET
        if not isinstance(self.metadata, Unset):
            metadata = self.metadata.to_dict()

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        webhook: dict[str, Any] | None | str | Unset
        if isinstance(self.webhook, Unset):
            webhook = UNSET
        elif isinstance(self.webhook, WebhookIn):
            webhook = self.webhook.to_dict()
        else:
            webhook = self.webhook

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if inputs is not UNSET:
            field_dict["inputs"] = inputs
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if model is not UNSET:
            field_dict["model"] = model
        if name is not UNSET:
            field_dict["name"] = name
        if webhook is not UNSET:
            field_dict["webhook"] = webhook

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.graph_run_inputs import GraphRunInputs  # noqa: PLC0415
        from ..models.graph_run_metadata import GraphRunMetadata  # noqa: PLC0415
        from ..models.webhook_in import WebhookIn  # noqa: PLC0415

        d = dict(src_dict)
        _inputs = d.pop("inputs", UNSET)
        inputs: GraphRunInputs | Unset
        if isinstance(_inputs, Unset):
            inputs = UNSET
        else:
            inputs = GraphRunInputs.from_dict(_inputs)

        _metadata = d.pop("metadata", UNSET)
        metadata: GraphRunMetadata | Unset
        if isinstance(_metadata, Unset):
            metadata = UNSET
        else:
            metadata = GraphRunMetadata.from_dict(_metadata)

        def _parse_model(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model = _parse_model(d.pop("model", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

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

        graph_run = cls(
            inputs=inputs,
            metadata=metadata,
            model=model,
            name=name,
            webhook=webhook,
        )

        return graph_run
