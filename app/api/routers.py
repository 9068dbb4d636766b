"""All routes of the service but those that settings can turn off."""

from __future__ import annotations

from app.api.routes import (
    agents,
    artifacts,
    audit,
    batches,
    chat,
    credits,  # noqa: A004 - the noun of this package
    exports,
    files,
    graphs,
    keys,
    memory,
    messages,
    operations,
    prices,
    providers,
    roles,
    simulate,
    streams,
    swarms,
    tools,
    usage,
    webhooks,
)

ROUTERS = tuple(
    routes.router
    for routes in (
        operations,
        streams,
        simulate,  # before what takes any word as a swarm's id
        swarms,
        batches,
        agents,
        memory,
        messages,
        artifacts,
        exports,
        files,
        chat,
        prices,
        keys,
        credits,
        audit,
        providers,
        roles,
        tools,
        usage,
        webhooks,
        graphs,
    )
)
"""In the order in which a request is matched, and the document lists them."""
