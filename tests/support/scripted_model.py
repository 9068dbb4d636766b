"""A model's server, OpenAI-shaped, whose answers follow from the conversation that it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "scripted"

Message = Mapping[str, Any]


@contextmanager
def scripted_model(said: Callable[[Sequence[Message]], dict[str, Any]]) -> Iterator[str]:
    """The base URL of a running server; its one model is ``MODEL``.

    Args:
        said: the fields of the message that answers these messages, but for its role.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, said))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(messages: Sequence[Message]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections ``## Task`` and ``## Inputs`` of what the sub-agent was told."""
    text = next(str(message["content"]) for message in messages if "## Task\n" in str(message.get("content")))
    task, _, inputs = text.partition("## Task\n")[2].partition("\n\n## Inputs\n")
    return json.loads(task), json.loads(inputs) if inputs else {}


def calling(*calls: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A message that calls these tools, by name and arguments, all at once."""
    return {
        "content": None,
        "tool_calls": [
            {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for at, (name, arguments) in enumerate(calls)
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, said: Callable[[Sequence[Message]], dict[str, Any]], *connection: Any) -> None:
        self._said = said
        super().__init__(*connection)

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", **self._said(request["messages"])}
        reason = "tool_calls" if "tool_calls" in message else "stop"
        self._answer(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test's output is not the place."""

    def _answer(self, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
