"""Prices set by API (``ports.prices.PriceStore``)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from app.domain.usage import Price
from app.storage.dialect import Op, compile_statement, upsert
from app.storage.parameters import param
from app.storage.reader import Reader
from app.storage.tables import PRICES
from app.storage.writer import Writer

_RATES = ("input_nano_per_mtok", "cached_input_nano_per_mtok", "output_nano_per_mtok")
_PUT = compile_statement(upsert(PRICES, (*_RATES, "updated_at_ms")), locked=("model",))
_DELETE = compile_statement(PRICES.delete().where(PRICES.c.model == param("model")))


class Prices:
    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def list(self) -> Mapping[str, Price]:
        async with self._reader.connect() as connection:
            rows = (await connection.execute(select(PRICES).order_by(PRICES.c.model))).all()
        return {row.model: Price(**{name: getattr(row, name) for name in _RATES}) for row in rows}

    async def apply(self, changes: Mapping[str, Price | None], at_ms: int) -> None:
        put = [
            _PUT.row({name: getattr(price, name) for name in _RATES} | {"model": model, "updated_at_ms": at_ms})
            for model, price in changes.items()
            if price is not None
        ]
        removed = [_DELETE.row({"model": model}) for model, price in changes.items() if price is None]
        ops = [Op(_PUT, put)] if put else []
        if removed:
            ops.append(Op(_DELETE, removed))
        if ops:
            await self._writer.write(ops)
