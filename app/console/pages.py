"""Routes of the console: its one page under every path of ``/console``, and the files that the page asks for.

They hold no data of anyone and need no key; what the page shows it asks of the API like any client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
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
    "Cache-Control": "no-cache",  # kept, but asked for again
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FOR_GOOD = _HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}
_ASSETS = f"{PREFIX}/assets/"

_SENT: list[str] = []
"""The version of the files when the page was sent last; no more than one."""

_VERSIONED = re.compile(r"v-([0-9a-f]{12})/(.+)")
"""The page names its files below their version, so that a browser asks for each of them once, and after an update no
old module meets a new one. Modules name each other relatively, and so within the version."""


def routes() -> list[Route]:
    """Return the routes, most particular first; none of them is part of the OpenAPI document."""
    return [
        Route(f"{PREFIX}/assets/{{name:path}}", _asset, include_in_schema=False),
        Route(PREFIX, _page, include_in_schema=False),
        Route(f"{PREFIX}/{{place:path}}", _page, include_in_schema=False),
    ]


async def _page(request: Request) -> Response:
    """Answer the page itself, whatever the place: which screen it is, is told by the script."""
    version = _version()
    headers = _HEADERS | {"ETag": f'"{version}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    page = (FOLDER / "index.html").read_text(encoding="utf-8").replace(_ASSETS, f"{_ASSETS}v-{version}/")
    return Response(page, headers=headers, media_type=MEDIA_TYPES[".html"])


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    match = _VERSIONED.fullmatch(name)
    path = _path(match[2] if match else name)
    if path is None:
        raise HTTPException(404, "the console has no such file")
    # A tab of before an update may still ask for what it has not loaded yet: that is sent, but not kept.
    return _file(request, path, _FOR_GOOD if match and _is_ours(match[1]) else _HEADERS)


def _is_ours(version: str) -> bool:
    """Whether it is that of the files as they are, or were when the page was sent last: looking takes milliseconds."""
    return version in _SENT or version == _version()


def _version() -> str:
    """Return the digest of all files, which is the same on every node that serves the same ones."""
    files = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    stamps = tuple((str(path), (stat := path.stat()).st_mtime_ns, stat.st_size) for path in files)
    version = _digest_of(stamps)
    _SENT[:] = [version]
    return version


@lru_cache(maxsize=1)
def _digest_of(stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = sha256()
    for name, _, size in stamps:
        path = Path(name)
        digest.update(f"{path.relative_to(FOLDER).as_posix()} {size}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _path(name: str) -> Path | None:
    """Return the file of that name, or None: nothing outside the folder, and no kind that no browser is to have."""
    try:
        path = (FOLDER / name).resolve()
        found = path.is_relative_to(FOLDER.resolve()) and path.suffix in MEDIA_TYPES and path.is_file()
    except (OSError, ValueError):  # a NUL in it, or too long
        return None
    return path if found else None


def _file(request: Request, path: Path, headers: Mapping[str, str]) -> Response:
    response = FileResponse(path, headers=headers, media_type=MEDIA_TYPES[path.suffix], stat_result=path.stat())
    if request.headers.get("if-none-match") == response.headers["etag"]:
        kept = {name: response.headers[name] for name in ("etag", *headers)}
        return Response(status_code=304, headers=kept)
    return response
