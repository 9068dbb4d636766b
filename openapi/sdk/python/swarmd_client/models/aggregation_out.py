from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.aggregation_out_votes_type_0_item import AggregationOutVotesType0Item


T = TypeVar("T", bound="AggregationOut")


@_attrs_define
class AggregationOut:
    """
    Attributes:
        agreement (float | None): Votes: the winner's share, 0-1; where nobody won the leader's
        cost_usd (float | None):
        error (None | str):
        inputs (int):
        missing (list[str]):
        status (str):
        strategy (str):
        votes (list[AggregationOutVotesType0Item] | None | Unset): Votes: who voted for what, the first 50 answers
    """

    agreement: float | None
    cost_usd: float | None
    error: None | str
    inputs: int
    missing: list[str]
    status: str
    strategy: str
    votes: list[AggregationOutVotesType0Item] | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agreement: float | None
        agreement = self.agreement

        cost_usd: float | None
        cost_usd = self.cost_usd

        error: None | str
        error = self.error

        inputs = self.inputs

        missing = self.missing

        status = self.status

        strategy = self.strategy

        votes: list[dict[str, Any]] | None | Unset
        if isinstance(self.votes, Unset):
            votes = UNSET
        elif isinstance(self.votes, list):
            votes = []
            for votes_type_0_item_data in self.votes:
                votes_type_0_item = votes_type_0_item_data.to_dict()
                votes.append(votes_type_0_item)

        else:
            votes = self.votes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agreement": agreement,
                "cost_usd": cost_usd,
                "error": error,
                "inputs": inputs,
                "missing": missing,
                "status": status,
                "strategy": strategy,
            }
        )
        if votes is not UNSET:
            field_dict["votes"] = votes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.aggregation_out_votes_type_0_item import (
            AggregationOutVotesType0Item,  # noqa: PLC0415
        )

        d = dict(src_dict)

        def _parse_agreement(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        agreement = _parse_agreement(d.pop("agreement"))

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        inputs = d.pop("inputs")

        missing = cast(list[str], d.pop("missing"))

        status = d.pop("status")

        strategy = d.pop("strategy")

        def _parse_votes(data: object) -> list[AggregationOutVotesType0Item] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                votes_type_0 = []
                _votes_type_0 = data
                for votes_type_0_item_data in _votes_type_0:
                    votes_type_0_item = AggregationOutVotesType0Item.from_dict(votes_type_0_item_data)

                    votes_type_0.append(votes_type_0_item)

                return votes_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[AggregationOutVotesType0Item] | None | Unset, data)

        votes = _parse_votes(d.pop("votes", UNSET))

        aggregation_out = cls(
            agreement=agreement,
            cost_usd=cost_usd,
            error=error,
            inputs=inputs,
            missing=missing,
            status=status,
            strategy=strategy,
            votes=votes,
        )

        aggregation_out.additional_properties = d
        return aggregation_out

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
