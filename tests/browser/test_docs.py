"""The page of the API's calls: shown without anything from elsewhere (``complaints`` holds every page to that)."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_calls_are_listed_with_what_the_service_itself_serves(page: Page) -> None:
    page.goto("/docs")

    expect(page.get_by_text("/v1/swarms/{swarm_id}/results").first).to_be_visible(timeout=30_000)
