"""Several ``ports.tools.Tools`` as one; what MCP servers have changes while the service runs."""

from __future__ import annotations

from collections.abc import Sequence

from app.ports.tools import Tool, Tools


class Combined:
    """Args:
    sources: of tools with the same name, that of the first counts.
    """

    def __init__(self, *sources: Tools) -> None:
        self._sources = sources

    def find(self, name: str) -> Tool | None:
        return next((tool for source in self._sources if (tool := source.find(name)) is not None), None)

    def all(self) -> Sequence[Tool]:
        found: dict[str, Tool] = {}
        for source in self._sources:
            for tool in source.all():
                found.setdefault(tool.spec.name, tool)
        return list(found.values())
