"""Prices on the wire: US dollars per million tokens, exact to the nano-dollar."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from app.domain.usage import NANO_USD, Price, usd
from app.ports.prices import KnownPrice, Source

_MAX_MODELS = 10_000


def _nano(dollars: float) -> int:
    return int(Decimal(str(dollars)) * NANO_USD)


def _exact(dollars: float) -> float:
    if Decimal(str(dollars)) * NANO_USD % 1:
        raise ValueError("expected at most nine decimals")
    return dollars


ModelName = Annotated[str, Field(min_length=1, max_length=200)]
exact_dollars = AfterValidator(_exact)
"""Refuses what is finer than a nano-dollar."""

Dollars = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False, examples=[0.6]), exact_dollars]


class PriceIn(BaseModel):
    """US dollars per million tokens; without `cached_input_per_mtok` cached tokens cost what others do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input_per_mtok: Dollars
    cached_input_per_mtok: Dollars | None = None
    output_per_mtok: Dollars

    def to_domain(self) -> Price:
        cached = self.cached_input_per_mtok
        return Price(
            input_nano_per_mtok=_nano(self.input_per_mtok),
            output_nano_per_mtok=_nano(self.output_per_mtok),
            cached_input_nano_per_mtok=None if cached is None else _nano(cached),
        )


class PriceChanges(RootModel[Annotated[dict[ModelName, PriceIn | None], Field(max_length=_MAX_MODELS)]]):
    """Prices by the model's name as its provider knows it; null removes what was set, models not named stay."""

    def to_domain(self) -> dict[str, Price | None]:
        return {model: None if price is None else price.to_domain() for model, price in self.root.items()}


class PriceOut(BaseModel):
    input_per_mtok: float
    cached_input_per_mtok: float | None = Field(description="null: as other tokens")
    output_per_mtok: float
    source: Source = Field(description="Set by API, configured, or from the kept table of the vendor's prices")


class PriceTableOut(RootModel[dict[str, PriceOut]]):
    """Prices by model."""


def prices_json(prices: Mapping[str, KnownPrice]) -> dict[str, Any]:
    return {
        model: {
            "input_per_mtok": usd(known.price.input_nano_per_mtok),
            "cached_input_per_mtok": usd(known.price.cached_input_nano_per_mtok),
            "output_per_mtok": usd(known.price.output_nano_per_mtok),
            "source": known.source,
        }
        for model, known in prices.items()
    }
