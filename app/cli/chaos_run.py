"""The driver of ``swarmd chaos``: one run, a service that is killed again and again, and ledgers kept outside of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.cli.chaos_ledger import Grave, Json, Ledgers, Shown, read_record
from app.cli.chaos_processes import CallLog, Child, Held, Stuck, until
from app.cli.chaos_witness import Witness
from app.cli.client import ServiceClient

EARLY_SHARE = 0.1
"""Of the kills, those that come while the service is still starting."""

_START_S = 1.2
"""An early kill comes within so many seconds of the start: anywhere from the first import to the first calls."""

_DEADLINE_S = 60.0
_MAX_FAN_IN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run and how often it is killed; the same seed draws the same graph and the same moments.

    Attributes:
        latency_ms: of the model, on average; each answer takes between a fifth and nine fifths of it.
    """

    tasks: int = 300
    kills: int = 50
    seed: int = 1
    parallel: int = 20
    latency_ms: float = 200.0


@dataclass(frozen=True, slots=True)
class Progress:
    """After a kill, or (``kills`` = planned) on the way to the end."""

    kills: int
    completed: int
    in_flight: int
    going_again_s: float | None


def graph_of(plan: Plan) -> dict[str, list[str]]:
    """A random DAG, twice as wide as the run is parallel; a task has up to three dependencies."""
    rng = random.Random(plan.seed)  # noqa: S311  # drawn again from the seed, no secret
    window = 2 * plan.parallel
    graph: dict[str, list[str]] = {}
    for number in range(plan.tasks):
        nearest = range(max(0, number - window), number)
        fan_in = min(len(nearest), rng.randint(0, _MAX_FAN_IN))
        graph[f"t{number}"] = [f"t{other}" for other in sorted(rng.sample(nearest, fan_in))]
    return graph


def run_chaos(plan: Plan, folder: Path, notice: Callable[[Progress], None], held: Held = nullcontext) -> Ledgers:
    """Carry one run through all the kills to its end, and return what was seen of it.

    Args:
        folder: gets the data directory (``data``) and the logs; must be empty of both.
        held: see ``Child``.

    Raises:
        Stuck: the service did not start, or did not go on.
        Failure: the service refused the run.
    """
    call_log = CallLog(folder / "calls.jsonl")
    with Child(folder, "model", held) as model, Child(folder, "service", held) as service:
        latency = ("--latency-ms", str(plan.latency_ms), "--latency-jitter-ms", str(0.8 * plan.latency_ms))
        model.start("mock-model", "--port", "0", "--call-log", str(call_log.path), *latency)
        driver = _Driver(plan, folder, service, model.url(), call_log, notice)
        return driver.run()


class _Driver:
    def __init__(
        self,
        plan: Plan,
        folder: Path,
        service: Child,
        model_url: str,
        call_log: CallLog,
        notice: Callable[[Progress], None],
    ) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed + 1)  # noqa: S311
        self._data_dir = folder / "data"
        self._service = service
        self._model_url = model_url
        self._call_log = call_log
        self._notice = notice
        self._graph = graph_of(plan)
        self._graves: list[Grave] = []
        self._shown: dict[tuple[str, str], Shown] = {}
        self._going_again_s: list[float] = []
        self._swarm_id = ""

    def run(self) -> Ledgers:
        began = self._start()
        with self._client() as client:
            self._swarm_id = str(client.create_swarm(self._body())["swarm_id"])
        self._witness = Witness(self._swarm_id)
        while len(self._graves) < self._plan.kills and self._work_is_left:
            if self._graves and self._random.random() < EARLY_SHARE:
                time.sleep(self._random.uniform(0, _START_S))  # the point is the moment, whatever happens in it
                self._bury(None)
            else:
                again_s = self._await_new_call(began)
                self._watch_until_the_moment()
                self._bury(again_s)
            began = self._start()
        return self._end(began)

    @property
    def _work_is_left(self) -> bool:
        """Whether the last kill left a task to be called for; a run may end while nobody watches."""
        return not self._graves or len(self._graves[-1].record.of_status("completed")) < self._plan.tasks

    # --- one life of the service -------------------------------------------------------------------------------------

    def _start(self) -> float:
        """Start the service; return when that was, in wall-clock seconds as the model server logs them."""
        began = time.time()
        data = ("--data-dir", str(self._data_dir), "--provider-base-url", self._model_url, "--default-model", "mock")
        self._service.start("serve", "--port", "0", *data)
        return began

    @contextmanager
    def _client(self) -> Iterator[ServiceClient]:
        with ServiceClient(self._service.url(), patience_s=_DEADLINE_S) as client:
            yield client

    def _await_new_call(self, began: float) -> float | None:
        """Wait for the first call of this life; return the seconds that took, but for the first life's."""
        lines = self._graves[-1].lines if self._graves else 0

        def first() -> float | None:
            news = self._call_log.entries()[lines:]
            return next((call["t"] for call in news if call["event"] == "received" and call["t"] > began), None)

        at = until(first, "a call after a start", _DEADLINE_S)
        if not self._graves:
            return None
        self._going_again_s.append(at - began)
        return at - began

    def _watch_until_the_moment(self) -> None:
        """Follow the run until a random number of tasks has completed, then for a random part of a call's time."""
        witness, rng, plan = self._witness, self._random, self._plan
        with self._client() as client:
            witness.follow(client.base_url, len(self._graves))
            done = witness.completed
            left, kills_left = plan.tasks - done, plan.kills - len(self._graves)
            step = rng.randint(0, 2 * max(0, left // (kills_left + 1)))
            witness.wait_for_completed(done + step, _DEADLINE_S)
            if rng.random() < 0.5:
                self._look(client)
            # Anywhere in a turn; where little is left, soon enough for the kills to come.
            share = 0.3 if left > plan.parallel + kills_left else 0.05
            time.sleep(rng.uniform(0, share * plan.latency_ms / 1000))

    def _look(self, client: ServiceClient) -> None:
        """Keep what the API shows: an outcome that a client has seen must stay what it was."""
        for output in client.results(self._swarm_id)["outputs"]:
            if output["status"] == "completed":
                shown = Shown(len(self._graves), output["task_id"], output["output"])
                self._shown.setdefault((shown.task_id, orjson.dumps(shown.output).decode()), shown)

    def _bury(self, going_again_s: float | None) -> None:
        self._service.kill()
        self._witness.leave()
        record = read_record(self._data_dir, self._swarm_id)
        self._graves.append(Grave(record, len(self._call_log.entries())))
        self._notice(
            Progress(
                len(self._graves), len(record.of_status("completed")), len(record.of_status("running")), going_again_s
            )
        )

    # --- the end -----------------------------------------------------------------------------------------------------

    def _end(self, began: float) -> Ledgers:
        """Let the run end in peace, then read everything."""
        witness = self._witness
        with self._client() as client:
            if self._graves and self._work_is_left:
                self._await_new_call(began)
            witness.follow(client.base_url, len(self._graves))
            self._wait_for_the_end()
            self._look(client)
            log = list(client.new_events(self._swarm_id, 0))
        self._service.kill()
        witness.leave()
        return Ledgers(
            graph=self._graph,
            planned_kills=self._plan.kills,
            graves=self._graves,
            shown=list(self._shown.values()),
            frames=witness.frames,
            calls=list(self._call_log.entries()),
            going_again_s=self._going_again_s,
            log=log,
            final=read_record(self._data_dir, self._swarm_id),
        )

    def _wait_for_the_end(self) -> None:
        """For as long as there is progress: how long the whole takes is the user's choice."""
        witness = self._witness
        while not witness.ended:
            enough = witness.completed + 1
            try:
                witness.wait_for_completed(enough, _DEADLINE_S)
            except Stuck as exc:
                told = f"{witness.completed} of {self._plan.tasks} tasks completed"
                raise Stuck(f"the run did not end: {told}; {exc.message}") from exc

    def _body(self) -> bytes:
        tasks: list[Json] = [{"id": task_id, "depends_on": names} for task_id, names in self._graph.items()]
        limits = {"max_parallel_agents": self._plan.parallel}
        return orjson.dumps({"name": "chaos", "tasks": tasks, "limits": limits})
