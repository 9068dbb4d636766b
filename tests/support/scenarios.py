"""Hypothesis strategies of whole scenarios: a DAG, the limits of the run, and the faults it lives through."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from app.domain import events
from app.domain.swarm import SwarmSpec
from app.domain.task import Awaited, TaskSpec
from tests.support.book import Book
from tests.support.simulate import Simulation, Weather

TASK_ENDS = {events.AGENT_COMPLETED, events.AGENT_FAILED, events.TASK_SKIPPED, events.TASK_CANCELLED}

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, slots=True)
class Scenario:
    spec: SwarmSpec
    tasks: tuple[TaskSpec, ...]
    weather: Weather
    seed: int

    def simulation(self) -> Simulation:
        return Simulation(self.spec, self.tasks, self.weather, Random(self.seed))


TASKS = st.fixed_dictionaries(
    {
        "priority": st.integers(1, 10),
        "complexity": st.none() | st.integers(1, 10),
        "lane": st.sampled_from(["kimi", "deepseek"]),
        "max_retries": st.integers(0, 3),
        "allow_failed_dependencies": st.booleans(),
    }
)
EDGES = st.lists(st.integers(0, 999), max_size=4)
SPECS = st.builds(
    SwarmSpec,
    agent_id=st.just("agt_01"),
    max_parallel_agents=st.integers(1, 12),
    max_steps=st.just(4_000) | st.integers(1, 80),
    on_task_failure=st.sampled_from(["continue", "continue", "fail_fast"]),
    min_success_rate=st.sampled_from([0.0, 0.5, 1.0]),
    aggregate=st.sampled_from([{"strategy": "none"}, {"strategy": "concat"}]),
)
WEATHERS = st.builds(
    Weather,
    failure=st.sampled_from([0.0, 0.1, 0.4]),
    fatal=st.sampled_from([0.0, 0.0, 0.1]),
    throttle=st.sampled_from([0.0, 0.2]),
    lost=st.sampled_from([0.0, 0.1]),
    crash=st.sampled_from([0.0, 0.1, 0.4]),
    echo=st.sampled_from([0.0, 0.05, 0.5]),
    scale=st.sampled_from([0.0, 0.2]),
    cancel=st.sampled_from([0.0, 0.0, 0.0, 0.02]),
    deadline=st.sampled_from([0.0, 0.0, 0.0, 0.02]),
)
FAIR = st.just(Weather())


@st.composite
def scenarios(draw: st.DrawFn, weathers: st.SearchStrategy[Weather] = WEATHERS) -> Scenario:
    """A DAG of 1-40 tasks in any order of definition; about a tenth also wait for a task of another swarm."""
    total = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    random = Random(seed)
    places = list(range(total))  # position in topological order -> index in the request
    random.shuffle(places)
    tasks: dict[int, TaskSpec] = {}
    for position, index in enumerate(places):
        depends_on = [f"t{places[edge % position]}" for edge in draw(EDGES)] if position else []
        awaits: tuple[Awaited, ...] = ()
        if random.random() < 0.1:
            awaits = (Awaited(len(depends_on), "outer", "swm_other", random.randint(0, 2)),)
            depends_on.append("outer")
        fields: dict[str, Any] = draw(TASKS)
        tasks[index] = TaskSpec(task_id=f"t{index}", depends_on=tuple(depends_on), awaits=awaits, **fields)
    return Scenario(draw(SPECS), tuple(tasks[index] for index in range(total)), draw(weathers), seed)


def inner(task: TaskSpec) -> set[int]:
    """The indices of a task's dependencies within the swarm."""
    return {int(name[1:]) for name in task.depends_on if name != "outer"}


def ends(book: Book) -> dict[str, int]:
    """The ``seq`` of each task's end."""
    return {event.task_id: event.seq for event in book.events if event.type in TASK_ENDS and event.task_id}
