"""A client of the stream that outlives the service: it resumes behind the last event it got and keeps every frame."""

from __future__ import annotations

import json
import threading

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from app.cli.chaos_ledger import SNAPSHOT, Json
from app.cli.chaos_processes import Stuck

_OPEN_TIMEOUT_S = 30.0
_JOIN_TIMEOUT_S = 30.0


class Witness:
    """Follows ``WS /v1/swarms/{id}/stream`` through one life of the service after the other.

    Attributes:
        frames: every frame in the order received, with the number of the life it came in (from 0).
        ended: whether the last event of the run has come.
    """

    def __init__(self, swarm_id: str) -> None:
        self._swarm_id = swarm_id
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._refused: str | None = None
        self._last = 0
        self.completed = 0
        self.frames: list[tuple[int, Json]] = []
        self.ended = False

    def follow(self, url: str, life: int) -> None:
        """Read the stream at ``url`` in a thread until it breaks or ends."""
        address = f"{url.replace('http', 'ws', 1)}/v1/swarms/{self._swarm_id}/stream?after={self._last}"
        self._thread = threading.Thread(target=self._read, args=(address, life), daemon=True, name="witness")
        self._thread.start()

    def leave(self) -> None:
        """Return when the connection is over, which it is soon after a kill: what was on its way is read first."""
        if self._thread is not None:
            self._thread.join(_JOIN_TIMEOUT_S)
            if self._thread.is_alive():
                raise Stuck("the stream of a dead service did not break")
            self._thread = None

    def wait_for_completed(self, count: int, deadline_s: float) -> None:
        """Wait until so many tasks were told to be completed, or the run to be over.

        Raises:
            Stuck: neither was by the deadline, or the service refused the stream.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._told(count) or self._refused is not None, deadline_s)
            if not self._told(count):
                why = f"after {self.completed} completed tasks no further one was told within {deadline_s:g} s"
                raise Stuck(self._refused or why)

    def _told(self, count: int) -> bool:
        return self.ended or self.completed >= count

    def _read(self, address: str, life: int) -> None:
        try:
            with connect(address, proxy=None, open_timeout=_OPEN_TIMEOUT_S, max_size=None, compression=None) as stream:
                for text in stream:
                    self._take(json.loads(text), life)
        except InvalidStatus as exc:
            self._note_refusal(f"the stream was refused: {exc}")
        except (WebSocketException, OSError, EOFError):
            pass  # the service is dead, or has closed

    def _take(self, frame: Json, life: int) -> None:
        with self._changed:
            self.frames.append((life, frame))
            if frame["type"] != SNAPSHOT:
                self._last = frame["seq"]
                self.completed += frame["type"] == "agent_completed"
                self.ended = self.ended or frame["type"] == "swarm_completed"
            self._changed.notify_all()

    def _note_refusal(self, why: str) -> None:
        with self._changed:
            self._refused = why
            self._changed.notify_all()
