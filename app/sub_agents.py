"""Everything a sub-agent needs wherever it runs: models, tools, and what its tools share. Part of the wiring, as
``main`` is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from app.blobs.directory import DirectoryBlobs
from app.domain.usage import NANO_USD, Price
from app.endpoints import registry_of
from app.outputs.json_schema import JsonSchemas
from app.ports.artifacts import ArtifactCaps
from app.ports.blobs import Blobs
from app.ports.clock import Clock, Entropy
from app.ports.doorbell import Doorbell
from app.ports.memory import MemoryCaps
from app.ports.messages import QueueCaps
from app.ports.tools import Tool, Tools
from app.providers.offline import OfflineProvider
from app.providers.openai_chat import new_session
from app.providers.prices import PriceBook, vendor_of
from app.providers.registry import Registry
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.executor import Executor
from app.scheduler.growing import Growing
from app.scheduler.tool_runner import ToolRunner
from app.services.artifacts import ArtifactService
from app.services.files import FileService
from app.services.memory import MemoryService
from app.services.messages import MessageService
from app.services.pictures import PictureService
from app.services.prices import PriceService
from app.settings import PriceSettings, ProviderSettings, Settings
from app.storage.database import Database
from app.telemetry.tracing import Traces, open_traces
from app.toolbox import open_tools
from app.workspace.directory import DirectoryWorkspace


@dataclass(frozen=True, slots=True, kw_only=True)
class SubAgents:
    """Does their jobs (``executor``), and what the rest of a node uses of it."""

    executor: Executor
    registry: Registry
    configured: dict[str, ProviderSettings]
    prices: PriceService
    growing: Growing
    tools: Tools
    schemas: JsonSchemas
    traces: Traces
    workspace: DirectoryWorkspace
    memory: MemoryService
    messages: MessageService
    artifacts: ArtifactService
    files: FileService
    pictures: PictureService


def blobs_of(settings: Settings, database: Database, clock: Clock, entropy: Entropy) -> Blobs:
    """Return where contents of files stand: beside a SQLite file, or in the database where several nodes share it."""
    if database.blobs is not None:
        return database.blobs(clock, entropy)
    return DirectoryBlobs(settings.blobs_path)


@asynccontextmanager
async def open_sub_agents(
    settings: Settings,
    database: Database,
    blobs: Blobs,
    doorbell: Doorbell,
    clock: Clock,
    entropy: Entropy,
    further_tools: Sequence[Tool] = (),
) -> AsyncIterator[SubAgents]:
    """Yield what does the jobs of sub-agents; leaving it ends what their tools have running.

    Args:
        further_tools: beside the service's own.
    """
    memory = MemoryService(
        database.memory,
        clock,
        MemoryCaps(
            max_entries=settings.max_memory_entries,
            max_bytes=settings.max_memory_bytes,
            max_tokens=settings.max_memory_tokens,
        ),
    )
    messages = MessageService(
        database.messages,
        doorbell,
        clock,
        QueueCaps(max_messages=settings.max_messages, max_bytes=settings.max_messages_bytes),
    )
    artifact_caps = ArtifactCaps(
        max_bytes=settings.max_artifact_bytes,
        max_total_bytes=settings.max_artifacts_bytes,
        max_artifacts=settings.max_artifacts,
    )
    artifacts = ArtifactService(database.artifacts, blobs, clock, artifact_caps)
    files = FileService(
        database.files,
        blobs,
        clock,
        entropy,
        max_bytes=settings.max_upload_bytes,
        max_total_bytes=settings.max_uploads_bytes,
    )
    pictures = PictureService(database.files, blobs, settings.max_picture_bytes)
    workspace = DirectoryWorkspace(settings.workspace)
    schemas = JsonSchemas()
    async with AsyncExitStack() as stack:
        tools = await stack.enter_async_context(
            open_tools(
                settings,
                memory=memory,
                messages=messages,
                artifacts=artifacts,
                uploads=files,
                workspace=workspace,
                schemas=schemas,
                further=further_tools,
            )
        )
        session = await stack.enter_async_context(new_session())
        traces = await stack.enter_async_context(open_traces(settings.otlp_endpoint))
        configured = settings.all_providers()
        book = _price_book(settings, configured, clock)
        registry = registry_of(
            settings, configured, offline=OfflineProvider(), prices=book, session=session, clock=clock, traces=traces
        )
        shared = isinstance(settings.database, str)
        prices = PriceService(database.prices, book, registry, clock, doorbell if shared else None)
        await prices.load()  # before the first call: unfinished runs go on as soon as somebody takes them up
        await stack.enter_async_context(prices.following())
        growing = Growing(registry)
        yield SubAgents(
            executor=Executor(
                registry,
                AgentLoop(schemas, tools),
                ToolRunner(traces.of_tools(tools), schemas),
                growing,
                clock,
                entropy,
                pictures,
                traces.enter,
            ),
            registry=registry,
            configured=configured,
            prices=prices,
            growing=growing,
            tools=tools,
            schemas=schemas,
            traces=traces,
            workspace=workspace,
            memory=memory,
            messages=messages,
            artifacts=artifacts,
            files=files,
            pictures=pictures,
        )


def _price_book(settings: Settings, configured: dict[str, ProviderSettings], clock: Clock) -> PriceBook:
    vendors = {name: vendor_of(entry.base_url, entry.kind) for name, entry in configured.items()}
    return PriceBook(
        vendors={name: vendor for name, vendor in vendors.items() if vendor is not None},
        configured={name: _price(entry) for name, entry in settings.prices.items()},
        clock=clock,
    )


def _price(entry: PriceSettings) -> Price:
    def nano(dollars: Decimal) -> int:
        return int((dollars * NANO_USD).to_integral_value())

    return Price(
        input_nano_per_mtok=nano(entry.input_per_mtok),
        output_nano_per_mtok=nano(entry.output_per_mtok),
        cached_input_nano_per_mtok=None if entry.cached_input_per_mtok is None else nano(entry.cached_input_per_mtok),
    )
