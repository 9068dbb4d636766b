from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.forecast_tokens_out import ForecastTokensOut
    from ..models.simulation_out_per_model import SimulationOutPerModel


T = TypeVar("T", bound="SimulationOut")


@_attrs_define
class SimulationOut:
    """What a run would cost and how long it would take. Nothing was started.

    Attributes:
        assumptions (list[str]): What the figures rest on, in words
        calls (int): Failed ones included
        cost_usd (float | None): Of the models with a known price; null where no model has one
        critical_path (list[str]): The chain of tasks that the end would wait for, first to last
        makespan_s (float):
        parallel_agents (int): Calls at the same time, at most
        per_model (SimulationOutPerModel):
        tokens (ForecastTokensOut):
    """

    assumptions: list[str]
    calls: int
    cost_usd: float | None
    critical_path: list[str]
    makespan_s: float
    parallel_agents: int
    per_model: SimulationOutPerModel
    tokens: ForecastTokensOut
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        assumptions = self.assumptions

        calls = self.calls

        cost_usd: float | None
        cost_usd = self.cost_usd

        critical_path = self.critical_path

        makespan_s = self.makespan_s

        parallel_agents = self.parallel_agents

        per_model = self.per_model.to_dict()

        tokens = self.tokens.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "assumptions": assumptions,
                "calls": calls,
                "cost_usd": cost_usd,
                "critical_path": critical_path,
                "makespan_s": makespan_s,
                "parallel_agents": parallel_agents,
                "per_model": per_model,
                "tokens": tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.forecast_tokens_out import ForecastTokensOut  # noqa: PLC0415
        from ..models.simulation_out_per_model import SimulationOutPerModel  # noqa: PLC0415

        d = dict(src_dict)
        assumptions = cast(list[str], d.pop("assumptions"))

        calls = d.pop("calls")

        def _parse_cost_usd(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        cost_usd = _parse_cost_usd(d.pop("cost_usd"))

        critical_path = cast(list[str], d.pop("critical_path"))

        makespan_s = d.pop("makespan_s")

        parallel_agents = d.pop("parallel_agents")

        per_model = SimulationOutPerModel.from_dict(d.pop("per_model"))

        tokens = ForecastTokensOut.from_dict(d.pop("tokens"))

        simulation_out = cls(
            assumptions=assumptions,
            calls=calls,
            cost_usd=cost_usd,
            critical_path=critical_path,
            makespan_s=makespan_s,
            parallel_agents=parallel_agents,
            per_model=per_model,
            tokens=tokens,
        )

        simulation_out.additional_properties = d
        return simulation_out

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
