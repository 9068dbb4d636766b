from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.summary_out_failures_item import SummaryOutFailuresItem


T = TypeVar("T", bound="SummaryOut")


@_attrs_define
class SummaryOut:
    """
    Attributes:
        avg_latency_ms (float | None):
        failed (int):
        failures (list[SummaryOutFailuresItem]):
        missing (list[str]):
        p50_ms (float | None):
        p95_ms (float | None):
        p99_ms (float | None):
        success_rate (float):
        successful (int):
        total_agents (int):
        total_cost_usd (float):
        total_tokens (int):
    """

    avg_latency_ms: float | None
    failed: int
    failures: list[SummaryOutFailuresItem]
    missing: list[str]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    success_rate: float
    successful: int
    total_agents: int
    total_cost_usd: float
    total_tokens: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        avg_latency_ms: float | None
        avg_latency_ms = self.avg_latency_ms

        failed = self.failed

        failures = []
        for failures_item_data in self.failures:
            failures_item = failures_item_data.to_dict()
            failures.append(failures_item)

        missing = self.missing

        p50_ms: float | None
        p50_ms = self.p50_ms

        p95_ms: float | None
        p95_ms = self.p95_ms

        p99_ms: float | None
        p99_ms = self.p99_ms

        success_rate = self.success_rate

        successful = self.successful

        total_agents = self.total_agents

        total_cost_usd = self.total_cost_usd

        total_tokens = self.total_tokens

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "avg_latency_ms": avg_latency_ms,
                "failed": failed,
                "failures": failures,
                "missing": missing,
                "p50_ms": p50_ms,
                "p95_ms": p95_ms,
                "p99_ms": p99_ms,
                "success_rate": success_rate,
                "successful": successful,
                "total_agents": total_agents,
                "total_cost_usd": total_cost_usd,
                "total_tokens": total_tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.summary_out_failures_item import SummaryOutFailuresItem  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_avg_latency_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        avg_latency_ms = _parse_avg_latency_ms(d.pop("avg_latency_ms"))

        failed = d.pop("failed")

        failures = []
        _failures = d.pop("failures")
        for failures_item_data in _failures:
            failures_item = SummaryOutFailuresItem.from_dict(failures_item_data)

            failures.append(failures_item)

        missing = cast(list[str], d.pop("missing"))

        def _parse_p50_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        p50_ms = _parse_p50_ms(d.pop("p50_ms"))

        def _parse_p95_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        p95_ms = _parse_p95_ms(d.pop("p95_ms"))

        def _parse_p99_ms(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        p99_ms = _parse_p99_ms(d.pop("p99_ms"))

        success_rate = d.pop("success_rate")

        successful = d.pop("successful")

        total_agents = d.pop("total_agents")

        total_cost_usd = d.pop("total_cost_usd")

        total_tokens = d.pop("total_tokens")

        summary_out = cls(
            avg_latency_ms=avg_latency_ms,
            failed=failed,
            failures=failures,
            missing=missing,
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            success_rate=success_rate,
            successful=successful,
            total_agents=total_agents,
            total_cost_usd=total_cost_usd,
            total_tokens=total_tokens,
        )

        summary_out.additional_properties = d
        return summary_out

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
