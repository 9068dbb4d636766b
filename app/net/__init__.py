"""Adapter of ``ports.fetching``: requests to addresses that a model, a page or a user named.

Such a request must not reach what only this machine can reach: loopback, the intranet, a cloud's metadata service.
Three fences, one behind the other: the URL (``urls``), the addresses that its one resolution gave (``client``), and the
address that a socket is about to connect to (``client``), so that no way around the first two ends at a private host.
``transport`` is the same for libraries that bring httpx2.

Decision, 2026-11-21: own fence over aiohttp, whose connector takes both the resolver and the maker of its sockets; no
maintained library guards an asyncio client against rebinding.
"""
