from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.budget_in_on_exceeded_type_0 import BudgetInOnExceededType0
from ..types import UNSET, Unset

T = TypeVar("T", bound="BudgetIn")


@_attrs_define
class BudgetIn:
    """Hard caps: a call is made only if its worst case still fits.

    Attributes:
        max_cost_usd (float | None | Unset):
        max_tokens (int | None | Unset): In + out, the whole run
        on_exceeded (BudgetInOnExceededType0 | None | Unset): pause (default) or fail
        per_agent_tokens (int | None | Unset): In + out, each sub-agent
    """

    max_cost_usd: float | None | Unset = UNSET
    max_tokens: int | None | Unset = UNSET
    on_exceeded: BudgetInOnExceededType0 | None | Unset = UNSET
    per_agent_tokens: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        max_cost_usd: float | None | Unset
        if isinstance(self.max_cost_usd, Unset):
            max_cost_usd = UNSET
        else:
            max_cost_usd = self.max_cost_usd

        max_tokens: int | None | Unset
        if isinstance(self.max_tokens, Unset):
            max_tokens = UNSET
        else:
            max_tokens = self.max_tokens

        on_exceeded: None | str | Unset
        if isinstance(self.on_exceeded, Unset):
            on_exceeded = UNSET
        elif isinstance(self.on_exceeded, BudgetInOnExceededType0):
            on_exceeded = self.on_exceeded.value
        else:
            on_exceeded = self.on_exceeded

        per_agent_tokens: int | None | Unset
        if isinstance(self.per_agent_tokens, Unset):
            per_agent_tokens = UNSET
        else:
            per_agent_tokens = self.per_agent_tokens

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if max_cost_usd is not UNSET:
            field_dict["max_cost_usd"] = max_cost_usd
        if max_tokens is not UNSET:
            field_dict["max_tokens"] = max_tokens
        if on_exceeded is not UNSET:
            field_dict["on_exceeded"] = on_exceeded
        if per_agent_tokens is not UNSET:
            field_dict["per_agent_tokens"] = per_agent_tokens

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_max_cost_usd(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        max_cost_usd = _parse_max_cost_usd(d.pop("max_cost_usd", UNSET))

        def _parse_max_tokens(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        max_tokens = _parse_max_tokens(d.pop("max_tokens", UNSET))

        def _parse_on_exceeded(data: object) -> BudgetInOnExceededType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                on_exceeded_type_0 = BudgetInOnExceededType0(data)

                return on_exceeded_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(BudgetInOnExceededType0 | None | Unset, data)

        on_exceeded = _parse_on_exceeded(d.pop("on_exceeded", UNSET))

        def _parse_per_agent_tokens(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        per_agent_tokens = _parse_per_agent_tokens(d.pop("per_agent_tokens", UNSET))

        budget_in = cls(
            max_cost_usd=max_cost_usd,
            max_tokens=max_tokens,
            on_exceeded=on_exceeded,
            per_agent_tokens=per_agent_tokens,
        )

        return budget_in
