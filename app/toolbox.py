"""The tools of the service: which there are, and what each is made of. Part of the wiring, as ``main`` is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app.documents.cache import CachedDocuments
from app.documents.isolated import Workers
from app.documents.reader import Documents
from app.net.client import GuardedClient
from app.ports.artifacts import Artifacts
from app.ports.files import Uploads
from app.ports.memory import SharedMemory
from app.ports.messages import MessageBus
from app.ports.output_schemas import OutputSchemas
from app.ports.search import SearchProvider
from app.ports.swarm_files import SwarmFiles
from app.ports.tools import Tool, Tools
from app.ports.workspace import Workspace
from app.settings import Settings
from app.tools.artifacts import SaveArtifact
from app.tools.code_interpreter import CodeInterpreter
from app.tools.combined import Combined
from app.tools.file_reader import FileReader
from app.tools.http_fetch import HttpFetch
from app.tools.mcp_servers.configuration import McpServerConfig
from app.tools.mcp_servers.servers import McpServers, can_start
from app.tools.memory import MemoryRead, MemoryWrite
from app.tools.messages import ReceiveMessages, SendMessage
from app.tools.plugins import plugin_tools
from app.tools.registry import Registry
from app.tools.sandbox.swarm_folders import SwarmFolders
from app.tools.search_engines import Brave, SearXNG
from app.tools.task_files import TaskFiles
from app.tools.web_search import WebSearch


@asynccontextmanager
async def open_tools(
    settings: Settings,
    *,
    memory: SharedMemory,
    messages: MessageBus,
    artifacts: Artifacts,
    uploads: Uploads,
    workspace: Workspace,
    schemas: OutputSchemas,
    further: Sequence[Tool] = (),
) -> AsyncIterator[Tools]:
    """Yield all tools, those that cannot be used here included; leaving it ends what they have running.

    Args:
        further: tools beside the service's own, which win over those of the same name.
    """
    async with AsyncExitStack() as stack:
        documents = CachedDocuments(Documents(await stack.enter_async_context(Workers())))
        fetcher = await stack.enter_async_context(GuardedClient(allow_private=settings.fetch_private))
        # What the operator configured may be anywhere; what a model names may not.
        trusted = await stack.enter_async_context(GuardedClient(allow_private=True))
        interpreter = await stack.enter_async_context(
            CodeInterpreter(_sandbox_root(settings), files=TaskFiles(workspace, uploads, artifacts))
        )
        own: list[Tool] = [
            *further,  # the first of a name counts
            interpreter,
            FileReader(workspace, documents, uploads),
            WebSearch(_search(settings, trusted)),
            HttpFetch(fetcher, documents),
            MemoryRead(memory),
            MemoryWrite(memory),
            SendMessage(messages),
            ReceiveMessages(messages),
            SaveArtifact(artifacts),
        ]
        own += plugin_tools(schemas, taken={tool.spec.name for tool in own})
        servers = McpServers(_mcp_servers(settings), schemas, taken={tool.spec.name for tool in own})
        yield Combined(Registry(own), await stack.enter_async_context(servers.running()))


def mcp_servers_here(settings: Settings) -> list[str]:
    """Return the names of the configured MCP servers that can be started on this machine."""
    return [config.name for config in _mcp_servers(settings) if can_start(config)]


def swarm_files(settings: Settings) -> SwarmFiles:
    """Return what the tools keep of swarms outside the store: it is to go when they go."""
    return SwarmFolders(_sandbox_root(settings))


def _sandbox_root(settings: Settings) -> Path:
    return settings.data_dir / "sandbox"


def _mcp_servers(settings: Settings) -> list[McpServerConfig]:
    return [
        McpServerConfig(
            name=name,
            command=entry.command,
            url=entry.url,
            env={key: value.get_secret_value() for key, value in entry.env.items()},
            headers={key: value.get_secret_value() for key, value in entry.headers.items()},
            timeout_s=entry.timeout_s,
            tools=entry.tools,
        )
        for name, entry in settings.mcp.items()
    ]


def _search(settings: Settings, fetcher: GuardedClient) -> SearchProvider | None:
    if settings.searxng_url is not None:
        return SearXNG(settings.searxng_url, fetcher)
    if settings.brave_api_key is not None:
        return Brave(settings.brave_api_key.get_secret_value(), fetcher)
    return None
