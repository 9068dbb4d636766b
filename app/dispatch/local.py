"""The doorbell of a single process: a dict of callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class LocalDoorbell:
    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    def ring(self, topic: str) -> None:
        for callback in tuple(self._listeners.get(topic, ())):
            callback()

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
