from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.breaker_out import BreakerOut


T = TypeVar("T", bound="ProviderModel")


@_attrs_define
class ProviderModel:
    """One model of a provider. Where several services share a database, limits, rates and the breaker are those of all
    of them together; calls, failures, refusals and what waits are those of the one that answers.

        Attributes:
            breaker (BreakerOut):
            calls (int):
            error_rate (float): Of the last 30 to 60 seconds
            failures (int): No answer, or one with 5xx or that was cut off; a breaker counts outages alone
            in_flight (int):
            limit (int | None): Calls at once that the provider was seen to take; null: none was refused
            model (str):
            refusals (int): Answers with 429
            requests_per_minute (int | None):
            throttled_ms (int): Time that calls had to wait for one of these limits
            tokens_per_minute (int | None):
            waiting (int): Calls that could start now but for a limit
    """

    breaker: BreakerOut
    calls: int
    error_rate: float
    failures: int
    in_flight: int
    limit: int | None
    model: str
    refusals: int
    requests_per_minute: int | None
    throttled_ms: int
    tokens_per_minute: int | None
    waiting: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        breaker = self.breaker.to_dict()

        calls = self.calls

        error_rate = self.error_rate

        failures = self.failures

        in_flight = self.in_flight

        limit: int | None
        limit = self.limit

        model = self.model

        refusals = self.refusals

        requests_per_minute: int | None
        requests_per_minute = self.requests_per_minute

        throttled_ms = self.throttled_ms

        tokens_per_minute: int | None
        tokens_per_minute = self.tokens_per_minute

        waiting = self.waiting

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "breaker": breaker,
                "calls": calls,
                "error_rate": error_rate,
                "failures": failures,
                "in_flight": in_flight,
                "limit": limit,
                "model": model,
                "refusals": refusals,
                "requests_per_minute": requests_per_minute,
                "throttled_ms": throttled_ms,
                "tokens_per_minute": tokens_per_minute,
                "waiting": waiting,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.breaker_out import BreakerOut  # noqa: PLC0415

        d = dict(src_dict)
        breaker = BreakerOut.from_dict(d.pop("breaker"))

        calls = d.pop("calls")

        error_rate = d.pop("error_rate")

        failures = d.pop("failures")

        in_flight = d.pop("in_flight")

        def _parse_limit(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        limit = _parse_limit(d.pop("limit"))

        model = d.pop("model")

        refusals = d.pop("refusals")

        def _parse_requests_per_minute(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        requests_per_minute = _parse_requests_per_minute(d.pop("requests_per_minute"))

        throttled_ms = d.pop("throttled_ms")

        def _parse_tokens_per_minute(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        tokens_per_minute = _parse_tokens_per_minute(d.pop("tokens_per_minute"))

        waiting = d.pop("waiting")

        provider_model = cls(
            breaker=breaker,
            calls=calls,
            error_rate=error_rate,
            failures=failures,
            in_flight=in_flight,
            limit=limit,
            model=model,
            refusals=refusals,
            requests_per_minute=requests_per_minute,
            throttled_ms=throttled_ms,
            tokens_per_minute=tokens_per_minute,
            waiting=waiting,
        )

        provider_model.additional_properties = d
        return provider_model

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
