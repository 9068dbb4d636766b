"""What is configured of one MCP server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DEFAULT_CALL_S = 60.0
MAX_SERVERS = 64

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServerConfig:
    """One server: a program or an address.

    Attributes:
        name: its tools are called ``NAME_tool``.
        command: program and arguments, run without a shell.
        url: endpoint of streamable HTTP.
        env: variables of the program; of the service's own it gets only ``stdio.INHERITED``.
        headers: of every request to ``url``.
        timeout_s: of one call.
        tools: names, as the server has them, of the tools to offer; None for all.

    Raises:
        ValueError: the message names the field.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = DEFAULT_CALL_S
    tools: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"mcp: expected a name of 1-32 characters a-z A-Z 0-9 _ -, got {self.name[:100]!r}")
        where = f"mcp.{self.name}"
        if bool(self.command) == (self.url is not None):
            raise ValueError(f"{where}: expected either command or url")
        if self.command and (not self.command[0] or any("\0" in part for part in self.command)):
            raise ValueError(f"{where}.command: expected a program and its arguments")
        if self.url is not None and not re.match(r"https?://[^/\s]", self.url):
            raise ValueError(f"{where}.url: expected an http:// or https:// URL")
        if self.headers and self.url is None:
            raise ValueError(f"{where}.headers: only a server with a url takes headers")
        if self.env and not self.command:
            raise ValueError(f"{where}.env: only a server with a command takes an environment")
        if any(not name or "=" in name or "\0" in name + value for name, value in self.env.items()):
            raise ValueError(f"{where}.env: expected names without = and values without NUL")
        if not 0 < self.timeout_s <= 3600:
            raise ValueError(f"{where}.timeout_s: expected more than 0 and at most 3600 s, got {self.timeout_s:g}")


def check_together(configured: Iterable[McpServerConfig]) -> tuple[McpServerConfig, ...]:
    """Return them if the names of their tools cannot meet: of ``a`` and ``a_b``, both could have an ``a_b_c``.

    Raises:
        ValueError: two names that are the same or start alike, or more than ``MAX_SERVERS``.
    """
    all_of_them = tuple(configured)
    if len(all_of_them) > MAX_SERVERS:
        raise ValueError(f"mcp: expected at most {MAX_SERVERS} servers, got {len(all_of_them)}")
    names = [one.name for one in all_of_them]
    for at, name in enumerate(names):
        for other in names[:at] + names[at + 1 :]:
            if f"{other}_".startswith(f"{name}_"):
                raise ValueError(f"mcp: the tools of {name!r} and {other!r} could have the same names; rename one")
    return all_of_them
