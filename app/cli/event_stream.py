"""The stream of a run's events as the commands follow it: server-sent events, resumed by ``seq`` when they are cut off.

The service sends the event log from where it is asked to, then what happens as it happens, and between the events a
``metrics_snapshot`` every second; it ends the stream after the last event of a run that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import httpx2
import orjson

from app.cli.client import BUSY, TERMINAL_STATUSES, JsonObject, ServiceClient, reason, swarm_path
from app.cli.failures import Refused

SNAPSHOT = "metrics_snapshot"
_DATA = b"data:"


def frames(
    client: ServiceClient, swarm_id: str, after: int = 0, *, say: Callable[[str], None] = lambda _: None
) -> Iterator[JsonObject]:
    """The frames of a run behind ``after`` to its end: each logged event once and in order, snapshots in between.

    A connection that is lost is made again, behind the last event that came, for as long as the client has patience.

    Args:
        say: is told when the connection is lost, and when it is back.

    Raises:
        Failure: there is no such run, or the service does not come back.
    """
    path = swarm_path(swarm_id, "events")
    patience = client.patience()
    lost = False
    while True:
        cause: Exception | None = None
        try:
            with client.stream(path, {"after": after}, accept="text/event-stream") as response:
                if lost:
                    say(f"connected again, going on after event {after:,}")
                lost = False
                for frame in parsed(response.iter_bytes()):
                    patience.renew()
                    if frame.get("type") != SNAPSHOT:
                        if int(frame["seq"]) <= after:
                            continue
                        after = int(frame["seq"])
                    yield frame
        except httpx2.TransportError as exc:
            cause = exc
        except Refused as exc:
            if exc.status not in BUSY:
                raise
            cause = exc
        if cause is None and client.swarm(swarm_id).get("status") in TERMINAL_STATUSES:
            return
        if not lost:
            why = f" ({reason(cause)})" if cause is not None else ""
            say(f"lost the connection to {client.base_url}{why}; trying again for {client.patience_s:g} s")
        lost = True
        if not patience.rest():
            raise cause if isinstance(cause, Refused) else client.silence(cause or ConnectionError("stream cut off"))


def parsed(chunks: Iterable[bytes]) -> Iterator[JsonObject]:
    """The frames in the bytes of a stream, each of which is one line of data.

    Only the ends of lines that server-sent events have count as such: a frame may hold any other character that
    ``splitlines`` takes for one, in the id of a task for instance.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                yield orjson.loads(line[len(_DATA) :])
