from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.step_out_record import StepOutRecord
    from ..models.usage_out import UsageOut


T = TypeVar("T", bound="StepOut")


@_attrs_define
class StepOut:
    """One call of an attempt that takes several.

    Attributes:
        at (datetime.datetime): RFC 3339, UTC
        attempt (int):
        cost_usd (float | None):
        kind (str): answer, repair, verdict or turn
        latency_ms (float):
        model (None | str):
        record (StepOutRecord): What the next call was made of
        step (int):
        usage (UsageOut):
    """

    at: datetime.datetime
    attempt: int
    cost_usd: float | None
    kind: str
    latency_ms: float
    model: None | str
    record: StepOutRecord
    step: int
    usage: UsageOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = self.at.isoformat()

        attempt = self.attempt

        cost_usd: float | None
        cost_usd = self.cost_usd

        kind = self.kind

        latency_ms = self.latency_ms

        model: None | str
        model = self.model

        record = self.record.to_dict()

        step = self.step

        usage = self.usage.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "attempt": attempt,
                "cost_usd": cost_usd,
                "kind": kind,
                "latency_ms": latency_ms,
                "model": model,
                "record": record,
                "step": step,
                "usage": usage,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.step_out_record import StepOutRecord  # noqa: PLC0415
        from ..models.usage_out import UsageOut  # noqa: PLC0415

        d = dict(src_dict)
        at = datetime.datetime.fromisoformat(d.pop("at"))

        attempt = d.pop("attempt")

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        kind = d.pop("kind")

        latency_ms = d.pop("latency_ms")

        def _parse_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model = _parse_model(d.pop("model"))

        record = StepOutRecord.from_dict(d.pop("record"))

        step = d.pop("step")

        usage = UsageOut.from_dict(d.pop("usage"))

        step_out = cls(
            at=at,
            attempt=attempt,
            cost_usd=cost_usd,
            kind=kind,
            latency_ms=latency_ms,
            model=model,
            record=record,
            step=step,
            usage=usage,
        )

        step_out.additional_properties = d
        return step_out

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
