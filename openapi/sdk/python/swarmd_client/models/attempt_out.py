from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.task_error_out import TaskErrorOut
    from ..models.usage_out import UsageOut


T = TypeVar("T", bound="AttemptOut")


@_attrs_define
class AttemptOut:
    """
    Attributes:
        attempt (int):
        cost_usd (float | None):
        ended_at (datetime.datetime | None):
        error (None | TaskErrorOut):
        latency_ms (float | None):
        model (None | str):
        queue_ms (int):
        started_at (datetime.datetime): RFC 3339, UTC
        status (str):
        usage (UsageOut):
    """

    attempt: int
    cost_usd: float | None
    ended_at: datetime.datetime | None
    error: None | TaskErrorOut
    latency_ms: float | None
    model: None | str
    queue_ms: int
    started_at: datetime.datetime
    status: str
    usage: UsageOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.task_error_out import TaskErrorOut  # noqa: PLC0415

        attempt = self.attempt

        cost_usd: float | None
        cost_usd = self.cost_usd

        ended_at: None | str
        if isinstance(self.ended_at, datetime.datetime):
            ended_at = self.ended_at.isoformat()
        else:
            ended_at = self.ended_at

        error: dict[str, Any] | None
        if isinstance(self.error, TaskErrorOut):
            error = self.error.to_dict()
        else:
            error = self.error

        latency_ms: float | None
        latency_ms = self.latency_ms

        model: None | str
        model = self.model

        queue_ms = self.queue_ms

        started_at = self.started_at.isoformat()

        status = self.status

        usage = self.usage.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempt": attempt,
                "cost_usd": cost_usd,
                "ended_at": ended_at,
                "error": error,
                "latency_ms": latency_ms,
                "model": model,
                "queue_ms": queue_ms,
                "started_at": started_at,
                "status": status,
                "usage": usage,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.task_error_out import TaskErrorOut  # noqa: PLC0415
        from ..models.usage_out import UsageOut  # noqa: PLC0415

        d = dict(src_dict)
        attempt = d.pop("attempt")

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        def _parse_ended_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ended_at_type_0 = datetime.datetime.fromisoformat(data)

                return ended_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ended_at = _parse_ended_at(d.pop("ended_at"))

        def _parse_error(data: object) -> None | TaskErrorOut:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = TaskErrorOut.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | TaskErrorOut, data)

        error = _parse_error(d.pop("error"))

        def _parse_latency_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        latency_ms = _parse_latency_ms(d.pop("latency_ms"))

        def _parse_model(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model = _parse_model(d.pop("model"))

        queue_ms = d.pop("queue_ms")

        started_at = datetime.datetime.fromisoformat(d.pop("started_at"))

        status = d.pop("status")

        usage = UsageOut.from_dict(d.pop("usage"))

        attempt_out = cls(
            attempt=attempt,
            cost_usd=cost_usd,
            ended_at=ended_at,
            error=error,
            latency_ms=latency_ms,
            model=model,
            queue_ms=queue_ms,
            started_at=started_at,
            status=status,
            usage=usage,
        )

        attempt_out.additional_properties = d
        return attempt_out

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
