"""Routes of the console: its one page under every path of ``/console``, and the files that the page asks for.

They hold no data of anyone and need no key; what the page shows it asks of the API like any client.
"""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

PREFIX = "/console"
FOLDER = Path(__file__).parent

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""What is sent, and as what: the machine's own table may lack or mistake them, and a browser runs no other script."""

_HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked for again: after an update no old module meets a new one
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes() -> list[Route]:
    """Return the routes, most particular first; none of them is part of the OpenAPI document."""
    return [
        Route(f"{PREFIX}/assets/{{name:path}}", _asset, include_in_schema=False),
        Route(PREFIX, _page, include_in_schema=False),
        Route(f"{PREFIX}/{{place:path}}", _page, include_in_schema=False),
    ]


async def _page(request: Request) -> Response:
    """Answer the page itself, whatever the place: which screen it is, is told by the script."""
    return _file(request, FOLDER / "index.html")


async def _asset(request: Request) -> Response:
    path = _path(request.path_params["name"])
    if path is None:
        raise HTTPException(404, "the console has no such file")
    return _file(request, path)


def _path(name: str) -> Path | None:
    """Return the file of that name, or None: nothing outside the folder, and no kind that no browser is to have."""
    try:
        path = (FOLDER / name).resolve()
        found = path.is_relative_to(FOLDER.resolve()) and path.suffix in MEDIA_TYPES and path.is_file()
    except (OSError, ValueError):  # a NUL in it, or too long
        return None
    return path if found else None


def _file(request: Request, path: Path) -> Response:
    response = FileResponse(path, headers=_HEADERS, media_type=MEDIA_TYPES[path.suffix], stat_result=path.stat())
    if request.headers.get("if-none-match") == response.headers["etag"]:
        kept = {name: response.headers[name] for name in ("etag", *_HEADERS)}
        return Response(status_code=304, headers=kept)
    return response
