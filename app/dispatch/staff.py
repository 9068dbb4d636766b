"""Who is there to do jobs, and whom a job is for: those who have what it needs where others have not.

Tags are wishes: what no worker has is no condition. The MCP servers of a task's tools are one: where they are missing
its model would answer without them, and nobody would know. Such a job waits for a worker that has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.dispatch.broker import ANY, pool_of_all, token
from app.ports.assignments import WorkerRow
from app.ports.dispatch import Job


def tag_of(server: str) -> str:
    """Return what a worker that has an MCP server says among its tags."""
    return f"mcp:{server}"


class Staff:
    """Args:
    server_of: returns the MCP server that has a tool; None where a tool has none.
    """

    def __init__(self, server_of: Callable[[str], str | None]) -> None:
        self._server_of = server_of
        self._tags: list[frozenset[str]] = []

    def __len__(self) -> int:
        return len(self._tags)

    def learn(self, workers: Iterable[WorkerRow]) -> None:
        """These are there from now on, and no others."""
        self._tags = [frozenset(worker.tags) for worker in workers]

    def pool(self, job: Job) -> str | None:
        """Return whom a job is for: where only some workers can do what it needs, those; None where it has to wait.

        Where none has all that it wishes, what the fewest have counts; what nobody has, and what all have, never does.
        """
        if not (job.needs or job.tools):
            return ANY
        musts = {tag_of(server) for server in self._servers(job)}
        able = [tags for tags in self._tags if tags >= musts]
        if musts and not able:
            return None
        counts = {need: sum(need in tags for tags in self._tags) for need in (*job.needs, *job.tools, *musts)}
        special = [(count, need) for need, count in counts.items() if 0 < count < len(self._tags)]
        if not special:
            return ANY
        fitting = [tags for tags in able if tags.issuperset(need for _, need in special)]
        if not fitting and (rare := [entry for entry in special if entry[1] in musts]):
            special, fitting = rare, able
        count, rarest = min(special)
        if not fitting or len(fitting) == count:
            return token(rarest)
        return pool_of_all(fitting[job.index % len(fitting)])

    def lacking(self, job: Job) -> tuple[str, ...]:
        """Return the MCP servers that a job waits for: those that nobody has, else those that nobody has together."""
        servers = sorted(self._servers(job))
        if any(tags.issuperset(map(tag_of, servers)) for tags in self._tags):
            return ()
        nowhere = [server for server in servers if not any(tag_of(server) in tags for tags in self._tags)]
        return tuple(nowhere or servers)

    def _servers(self, job: Job) -> set[str]:
        return {server for tool in job.tools if (server := self._server_of(tool)) is not None}
