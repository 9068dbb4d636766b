"""Client of swarmd.

``api`` and ``models`` are generated from the service's OpenAPI document: a module for each operation, below the name of
its group, with ``sync``, ``sync_detailed``, ``asyncio`` and ``asyncio_detailed``. ``ok`` turns a refusal into an
exception, ``stream_swarm`` and ``stream_agent`` follow events as they happen.
"""

from .client import AuthenticatedClient, Client
from .problems import ApiProblem, ok
from .streams import EventStream, StreamLost, stream_agent, stream_swarm

__all__ = [
    "ApiProblem",
    "AuthenticatedClient",
    "Client",
    "EventStream",
    "StreamLost",
    "ok",
    "stream_agent",
    "stream_swarm",
]
