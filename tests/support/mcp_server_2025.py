"""A server of protocol 2025-06-18 over stdio, written without the SDK, as most servers are: it knows no newer method.

Its tool ``say`` answers; ``grow`` adds the tool ``later`` and says so by a notification.
"""

from __future__ import annotations

import json
import sys
from typing import Any

tools = ["say", "grow"]


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    if method == "initialize":
        info = {"name": "old", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info}
    if method == "tools/list":
        # Two pages, as servers with many tools have.
        page = tools[1:] if params.get("cursor") else tools[:1]
        listed = [{"name": name, "inputSchema": {"type": "object"}} for name in page]
        return {"tools": listed} if params.get("cursor") else {"tools": listed, "nextCursor": "2"}
    if method == "tools/call":
        if params["name"] == "grow":
            tools.append("later")
            write({"method": "notifications/tools/list_changed"})
        return {"content": [{"type": "text", "text": f"{params['name']} by an old server"}]}
    return None


def write(message: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0"} | message), flush=True)


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        if result is None:
            write({"id": asked["id"], "error": {"code": -32601, "message": "Method not found"}})
        else:
            write({"id": asked["id"], "result": result})


if __name__ == "__main__":
    main()
