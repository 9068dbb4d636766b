"""Immutable values that are made by the ten thousand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[Class]], type[Class]]:
    """Make a class a slotted dataclass that the type checker holds to be frozen.

    At run time it is not: ``frozen=True`` makes an instance cost 0.7 us instead of 0.3, and every task passes through a
    dozen of them.
    """
    return dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)
