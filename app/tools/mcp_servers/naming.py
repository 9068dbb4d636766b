"""Names under which models call the tools of a server; they depend on nothing but the names themselves."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable

MAX_CHARS = 64
_HASH_CHARS = 6
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")


def public_names(server: str, tools: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Return the public name of each tool: ``server_tool``, and where that is not its own alone, a hash behind it.

    Args:
        tools: as the server calls them; of a name that comes twice there is one tool.
        taken: names of the service's other tools.
    """
    plain = {tool: f"{server}_{_OTHER.sub('_', tool)}" for tool in tools}
    often = Counter(plain.values())
    return {
        tool: name
        if len(name) <= MAX_CHARS and name not in taken and (often[name] == 1 or name == f"{server}_{tool}")
        else _told_apart(name, tool)
        for tool, name in plain.items()
    }


def _told_apart(name: str, tool: str) -> str:
    digest = hashlib.sha256(tool.encode("utf-8", "replace")).hexdigest()[:_HASH_CHARS]
    return f"{name[: MAX_CHARS - _HASH_CHARS - 1]}_{digest}"
