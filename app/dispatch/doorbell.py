"""The doorbell of several nodes: rings here at once, and at all others over NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

import orjson
from nats.aio.msg import Msg

from app.dispatch.broker import Broker, token
from app.dispatch.local import LocalDoorbell

_ALONE_S = 3.0
"""While no ring of others can be heard, everybody here looks for news so often."""

_TOPICS_A_MESSAGE = 1000


class NatsDoorbell:
    """To be made before the broker runs.

    Args:
    node: tells this process from others.
    """

    def __init__(self, broker: Broker, node: str) -> None:
        self._broker = broker
        self._node = token(node)
        self._local = LocalDoorbell()
        self._rung: dict[str, None] = {}
        broker.on_ready(self._local.ring_all)  # what was rung meanwhile is not known
        broker.listen(broker.subject("bell"), self._on_ring)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[NatsDoorbell]:
        """Look for news now and then while there is no connection, until the context ends."""
        alone = asyncio.create_task(self._while_alone(), name="doorbell")
        try:
            yield self
        finally:
            alone.cancel()
            await asyncio.gather(alone, return_exceptions=True)

    def ring(self, topic: str) -> None:
        self._local.ring(topic)
        if not self._rung:
            asyncio.get_running_loop().call_soon(self._tell)
        self._rung[topic] = None

    def listen(self, topic: str, callback: Callable[[], None]) -> AbstractContextManager[None]:
        return self._local.listen(topic, callback)

    def _tell(self) -> None:
        """Tell the others, all topics of this round of the loop at once."""
        topics, self._rung = list(self._rung), {}
        for start in range(0, len(topics), _TOPICS_A_MESSAGE):
            payload = orjson.dumps([self._node, *topics[start : start + _TOPICS_A_MESSAGE]])
            self._broker.send(self._broker.subject("bell"), payload)

    def _on_ring(self, message: Msg) -> None:
        node, *topics = orjson.loads(message.data)
        if node != self._node:
            for topic in topics:
                self._local.ring(topic)

    async def _while_alone(self) -> None:
        while True:
            await asyncio.sleep(_ALONE_S)
            if not self._broker.connected:
                self._local.ring_all()
