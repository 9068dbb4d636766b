"""Tools of MCP servers (Model Context Protocol): programs on this machine (stdio) and addresses (streamable HTTP).

``servers.McpServers`` is what the service has; one ``server.McpServer`` supervises each configured server; ``session``,
``stdio``, ``http`` and ``results`` speak the protocol through the official SDK and are imported only where a server is
configured and the extra ``swarmd[mcp]`` is installed.

Decisions, 2026-11-21:

- The SDK's own stdio transport reads a line of any length into memory, so ``stdio`` is ours; protocol, versions,
  cancellation and streamable HTTP are the SDK's. Its check of results against ``outputSchema`` is not used: it runs a
  server's patterns in this process without a bound.
- A configured URL is trusted, also on private addresses; redirects are followed within its origin only (the SDK).
- A call is never made twice by itself: when a server dies in the middle, the model is told and decides. The key of the
  run goes along as ``_meta["swarmd/run_key"]`` for servers that want to tell a repeated call.
"""
