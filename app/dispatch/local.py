"""Everything in a single process: the doorbell is a dict of callbacks, jobs are done where they are handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from app.ports.dispatch import Answer, Begins, Job, NoteHeld, NoteLimits


class LocalDoorbell:
    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    def ring(self, topic: str) -> None:
        for callback in tuple(self._listeners.get(topic, ())):
            callback()

    def ring_all(self) -> None:
        """Call everybody: something may have happened, and it is not known what."""
        for topic in tuple(self._listeners):
            self.ring(topic)

    @contextmanager
    def listen(self, topic: str, callback: Callable[[], None]) -> Iterator[None]:
        self._listeners.setdefault(topic, []).append(callback)
        try:
            yield
        finally:
            callbacks = self._listeners[topic]
            callbacks.remove(callback)
            if not callbacks:
                del self._listeners[topic]


class Runs(Protocol):
    """Does jobs; it is the executor."""

    async def run(self, job: Job, note_limits: NoteLimits, begins: Begins | None = None) -> Answer: ...


class LocalDispatch:
    """Jobs end with this process: what ran is repeated by the next one."""

    outlives = False

    def __init__(self, executor: Runs) -> None:
        self.run = executor.run  # itself, so that nothing stands between an attempt and its call

    def note_held(self, swarm_id: str, note: NoteHeld) -> AbstractContextManager[None]:
        """Nobody waits: a slot is all that a job needs here."""
        return nullcontext()

    def withdraw(self, job: Job) -> None:
        """Nothing: cancelling it is enough."""
