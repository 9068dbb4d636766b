"""Adapters of ``ports.search``: SearXNG, which anybody can host, and Brave Search, an own index for a key.

Decision, 2026-11-21: Brave of the keyed ones, since it has an index of its own and answers with titles, addresses and
snippets and nothing made up by a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import orjson
from yarl import URL

from app.domain.html_text import html_to_text
from app.ports.fetching import Fetched, Fetcher, FetchError, FetchRequest
from app.ports.search import MAX_HITS, Hit, SearchFailed

BRAVE_URL = "https://api.search.brave.com/res/v1/web/search"

_MAX_BYTES = 4 * 1024 * 1024
_TIMEOUT_S = 15.0
_MAX_TITLE, _MAX_URL, _MAX_SNIPPET = 300, 2000, 600
_BRAVE_QUERY_CHARS, _BRAVE_QUERY_WORDS = 400, 50


class SearXNG:
    """The JSON API of a SearXNG, where its settings list that format (docs.searxng.org/dev/search_api, 2026-11-21).

    Args:
        base_url: without ``/search``; may be private, so ``fetcher`` has to reach it.
    """

    name = "SearXNG"

    def __init__(self, base_url: str, fetcher: Fetcher) -> None:
        self._url = URL(base_url.rstrip("/") + "/search")
        self._fetcher = fetcher

    async def search(self, query: str, count: int) -> list[Hit]:
        """See ``ports.search.SearchProvider``."""
        url = self._url.with_query({"q": query, "format": "json"})
        answer = await _asked(self.name, self._fetcher, url, {})
        if answer.status == 403:
            raise SearchFailed("SearXNG refuses: add json to search.formats in its settings.yml, or mend its limiter")
        return _hits(_results(self.name, answer, ("results",)), "content", count)


class Brave:
    """Brave Search (api-dashboard.search.brave.com/api-reference/web/search/get, 2026-11-21)."""

    name = "Brave Search"

    def __init__(self, api_key: str, fetcher: Fetcher, url: str = BRAVE_URL) -> None:
        self._key = api_key
        self._url = URL(url)
        self._fetcher = fetcher

    async def search(self, query: str, count: int) -> list[Hit]:
        """See ``ports.search.SearchProvider``; of the query what Brave takes, 400 characters and 50 words."""
        asked = " ".join(query.split()[:_BRAVE_QUERY_WORDS])[:_BRAVE_QUERY_CHARS]
        parameters = {
            "q": asked,
            "count": str(min(count, MAX_HITS)),
            "result_filter": "web",
            "text_decorations": "false",
        }
        headers = {"X-Subscription-Token": self._key, "Accept": "application/json"}
        answer = await _asked(self.name, self._fetcher, self._url.with_query(parameters), headers)
        if answer.status in {401, 403}:
            raise SearchFailed("Brave Search refuses the key of this service")
        return _hits(_results(self.name, answer, ("web", "results")), "description", count)


async def _asked(name: str, fetcher: Fetcher, url: URL, headers: Mapping[str, str]) -> Fetched:
    try:
        return await fetcher.fetch(
            FetchRequest(url=str(url), headers=headers, max_bytes=_MAX_BYTES, timeout_s=_TIMEOUT_S, max_redirects=0)
        )
    except FetchError as exc:
        raise SearchFailed(f"{name} cannot be asked: {exc.detail}") from exc


def _results(name: str, answer: Fetched, path: tuple[str, ...]) -> list[Any]:
    if answer.status == 429:
        raise SearchFailed(f"{name} takes no more searches for now (429); try again later")
    if answer.status != 200:
        raise SearchFailed(f"{name} answers with status {answer.status}")
    try:
        found: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        _malformed(name)
    for key in path:
        if not isinstance(found, dict):
            _malformed(name)
        found = found.get(key)
        if found is None:  # Brave leaves out what it has nothing for
            return []
    if not isinstance(found, list):
        _malformed(name)
    return found


def _malformed(name: str) -> NoReturn:
    raise SearchFailed(f"{name} answers with something that is not its JSON") from None


def _hits(results: Iterable[Any], snippet_key: str, count: int) -> list[Hit]:
    """The results that can be used, each address once."""
    hits: dict[str, Hit] = {}
    for result in results:
        if len(hits) == count:
            break
        url = result.get("url") if isinstance(result, dict) else None
        if not isinstance(url, str) or not url.startswith(("http://", "https://")) or len(url) > _MAX_URL:
            continue
        url = "".join(url.split())
        title, snippet = _plain(result.get("title"), _MAX_TITLE), _plain(result.get(snippet_key), _MAX_SNIPPET)
        hits.setdefault(url, Hit(title=title or url, url=url, snippet=snippet))
    return list(hits.values())


def _plain(text: object, max_chars: int) -> str:
    if not isinstance(text, str):
        return ""
    line = " ".join(html_to_text(text[: 4 * max_chars]).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"
