"""Workflow-shaped DAGs as data: ``{"tasks": [{"id", "depends_on", "runtime_s"}]}``, and the check that one was kept."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Dag = dict[str, list[str]]


def chain(length: int) -> Dag:
    """Every task waits for the one before."""
    return {f"step_{index}": [f"step_{index - 1}"] if index else [] for index in range(length)}


def fork_join(width: int) -> Dag:
    """One task, many beside each other, one that joins them."""
    lanes = {f"lane_{index}": ["split"] for index in range(width)}
    return {"split": [], **lanes, "join": list(lanes)}


def pipelines(lanes: int, stages: int, merges: int) -> Dag:
    """Independent pipelines that are merged in groups, then all together: genome sequencing."""
    dag: Dag = {"split": []}
    for lane in range(lanes):
        for stage in range(stages):
            before = f"stage{stage - 1}_{lane}" if stage else "split"
            dag[f"stage{stage}_{lane}"] = [before]
    for merge in range(merges):
        dag[f"merge_{merge}"] = [f"stage{stages - 1}_{lane}" for lane in range(merge, lanes, merges)]
    dag["all"] = [f"merge_{merge}" for merge in range(merges)]
    return dag


def mosaic(width: int) -> Dag:
    """Overlapping neighbours, a global fit, a correction for each, a tree of sums: image mosaics."""
    dag: Dag = {f"project_{index}": [] for index in range(width)}
    overlaps = [f"overlap_{index}" for index in range(width - 1)]
    dag |= {name: [f"project_{index}", f"project_{index + 1}"] for index, name in enumerate(overlaps)}
    dag["fit"] = overlaps
    dag |= {f"correct_{index}": [f"project_{index}", "fit"] for index in range(width)}
    layer, level = [f"correct_{index}" for index in range(width)], 0
    while len(layer) > 1:
        groups = [layer[start : start + 4] for start in range(0, len(layer), 4)]
        sums = {f"sum{level}_{index}": group for index, group in enumerate(groups)}
        dag |= sums
        layer, level = list(sums), level + 1
    return dag


def layered(seed: int, layers: int, width: int, fan_in: int) -> Dag:
    """Random layers; every task but the first layer's waits for some of the layer before."""
    rng = random.Random(seed)
    dag: Dag = {}
    before: list[str] = []
    for layer in range(layers):
        names = [f"l{layer}_{index}" for index in range(rng.randint(1, width))]
        dag |= {name: rng.sample(before, k=min(len(before), rng.randint(1, fan_in))) for name in names}
        before = names
    return dag


def body_of(dag: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The request that runs ``dag``."""
    return {"tasks": [{"id": task_id, "depends_on": list(names)} for task_id, names in dag.items()]}


def check_order(dag: Mapping[str, Sequence[str]], events: Iterable[Mapping[str, Any]]) -> None:
    """Every task ran once, completed once, and started after the last of its dependencies had completed."""
    spawned: dict[str, int] = {}
    completed: dict[str, int] = {}
    for event in events:
        seen = {"agent_spawned": spawned, "agent_completed": completed}.get(event["type"])
        if seen is not None:
            assert event["task_id"] not in seen, f"{event['type']} twice for {event['task_id']}"
            seen[event["task_id"]] = event["seq"]
    assert set(spawned) == set(completed) == set(dag)
    for task_id, names in dag.items():
        assert spawned[task_id] < completed[task_id]
        for name in names:
            assert completed[name] < spawned[task_id], f"{task_id} started before {name} had completed"
