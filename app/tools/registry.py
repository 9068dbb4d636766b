"""All tools of the service, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.ports.tools import Tool


class Registry:
    """Args:
    tools: the first of a name counts.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self._tools.setdefault(tool.spec.name, tool)

    def find(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def all(self) -> Sequence[Tool]:
        return list(self._tools.values())
