"""Processes that read documents, as the service has them."""

from collections.abc import AsyncIterator

import pytest

from app.documents.isolated import Workers


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    async with Workers(at_once=2) as made:
        yield made
