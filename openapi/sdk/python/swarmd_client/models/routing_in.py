from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.routing_in_prefer import RoutingInPrefer
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.rule_in import RuleIn
    from ..models.tiers_in import TiersIn


T = TypeVar("T", bound="RoutingIn")


@_attrs_define
class RoutingIn:
    """Which model serves which task. In this order the first that names one which holds the task's tokens decides: the
    task's own `model`, the first rule that fits, its tier, its complexity (8 and more: tier thinking, 3 and less: tier
    light, where those have models), its role, `candidates`, the run's model.

        Attributes:
            candidates (list[str] | Unset): For tasks for which nothing else names a model
            fallbacks (list[str] | Unset): For every task, after the models named for it
            prefer (RoutingInPrefer | Unset): Of several models of a tier, or candidates: by the most a call may cost, or by
                order Default: RoutingInPrefer.CHEAPEST.
            reroute_after (int | Unset): Failures on one model before a task goes to the next Default: 2.
            rules (list[RuleIn] | Unset):
            tiers (TiersIn | Unset): By tier a model, or several of which `prefer` takes one.
    """

    candidates: list[str] | Unset = UNSET
    fallbacks: list[str] | Unset = UNSET
    prefer: RoutingInPrefer | Unset = RoutingInPrefer.CHEAPEST
    reroute_after: int | Unset = 2
    rules: list[RuleIn] | Unset = UNSET
    tiers: TiersIn | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        candidates: list[str] | Unset = UNSET
        if not isinstance(self.candidates, Unset):
            candidates = self.candidates

        fallbacks: list[str] | Unset = UNSET
        if not isinstance(self.fallbacks, Unset):
            fallbacks = self.fallbacks

        prefer: str | Unset = UNSET
        if not isinstance(self.prefer, Unset):
            prefer = self.prefer.value

        reroute_after = self.reroute_after

        rules: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.rules, Unset):
            rules = []
            for rules_item_data in self.rules:
                rules_item = rules_item_data.to_dict()
                rules.append(rules_item)

        tiers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.tiers, Unset):
            tiers = self.tiers.to_dict()

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if candidates is not UNSET:
            field_dict["candidates"] = candidates
        if fallbacks is not UNSET:
            field_dict["fallbacks"] = fallbacks
        if prefer is not UNSET:
            field_dict["prefer"] = prefer
        if reroute_after is not UNSET:
            field_dict["reroute_after"] = reroute_after
        if rules is not UNSET:
            field_dict["rules"] = rules
        if tiers is not UNSET:
            field_dict["tiers"] = tiers

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.rule_in import RuleIn  # noqa: PLC0415
        from ..models.tiers_in import TiersIn  # noqa: PLC0415

        d = dict(src_dict)
        candidates = cast(list[str], d.pop("candidates", UNSET))

        fallbacks = cast(list[str], d.pop("fallbacks", UNSET))

        _prefer = d.pop("prefer", UNSET)
        prefer: RoutingInPrefer | Unset
        if isinstance(_prefer, Unset):
            prefer = UNSET
        else:
            prefer = RoutingInPrefer(_prefer)

        reroute_after = d.pop("reroute_after", UNSET)

        _rules = d.pop("rules", UNSET)
        rules: list[RuleIn] | Unset = UNSET
        if _rules is not UNSET:
            rules = []
            for rules_item_data in _rules:
                rules_item = RuleIn.from_dict(rules_item_data)

                rules.append(rules_item)

        _tiers = d.pop("tiers", UNSET)
        tiers: TiersIn | Unset
        if isinstance(_tiers, Unset):
            tiers = UNSET
        else:
            tiers = TiersIn.from_dict(_tiers)

        routing_in = cls(
            candidates=candidates,
            fallbacks=fallbacks,
            prefer=prefer,
            reroute_after=reroute_after,
            rules=rules,
            tiers=tiers,
        )

        return routing_in
