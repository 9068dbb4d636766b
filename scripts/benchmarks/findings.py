"""What a row is and what it finds: values of several runs, the reference's values, a goal, a verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.benchmarks.bench import Bench

NOISY_SPREAD = 1.25
"""A floor whose slowest run took this much longer than its fastest: something else used the machine."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the median ratio to the reference, or on the median value itself."""

    limit: float
    of_ratio: bool = False
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        values: one for each run, in the order of the runs.
        references: what ``values`` are compared with, run by run; empty where there is nothing to compare with.
        reference: what ``references`` are, e.g. ``floor``.
        goal: None for a figure that is only told.
    """

    what: str
    unit: str
    values: Sequence[float]
    references: Sequence[float] = ()
    reference: str = "floor"
    goal: Goal | None = None

    @property
    def ratios(self) -> list[float]:
        return [value / reference for value, reference in zip(self.values, self.references, strict=True)]

    @property
    def ratio(self) -> float | None:
        """Median over the runs of value / reference of the same run."""
        return median(self.ratios) if self.references else None

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None where there is none."""
        if self.goal is None:
            return None
        return self.goal.met_by(median(self.ratios if self.goal.of_ratio else self.values))

    @property
    def noisy(self) -> bool:
        return bool(self.references) and max(self.references) > NOISY_SPREAD * min(self.references)

    @property
    def goal_text(self) -> str:
        if self.goal is None:
            return ""
        sign = ">=" if self.goal.at_least else "<="
        return f"{sign} {self.goal.limit:g}" + (f" x {self.reference}" if self.goal.of_ratio else f" {self.unit}")

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "values": list(self.values),
            "reference": self.reference if self.references else None,
            "references": list(self.references),
            "ratios": self.ratios if self.references else [],
            "goal": self.goal_text or None,
            "met": self.met,
            "noisy": self.noisy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the list of benchmarks.

    Attributes:
        number: as in BENCHMARKS.
        how: what was done, where the title leaves questions open; printed above the findings.
    """

    number: int
    title: str
    measure: Callable[[Bench], Awaitable[Sequence[Finding]]]
    how: str = ""
