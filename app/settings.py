"""Settings: ``SWARMD_…`` variables, a TOML file, flags. Only ``main`` and ``cli`` read them.

Flags win over variables, variables over the file, the file over the defaults. Keys come from variables (or the file),
never from flags, which other users of the machine can read.
"""

from __future__ import annotations

import os
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG_VARIABLE = "SWARMD_CONFIG"

WELL_KNOWN: dict[str, tuple[str, str, str]] = {
    "moonshot": ("MOONSHOT_API_KEY", "https://api.moonshot.ai/v1", "kimi-k2.5"),
    "deepseek": ("DEEPSEEK_API_KEY", "https://api.deepseek.com/v1", "deepseek-chat"),
    "openai": ("OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-5-mini"),
}
"""Vendors picked up from their usual variable: variable, base URL, the model to use when none is named."""


_POSTGRESQL = frozenset({"postgresql", "postgres"})
_NATS_URL = re.compile(r"(nats|tls|ws|wss)://[^/?#\s]+(/[^?#\s]*)?")

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@,\[\]]*)(?::\d{1,5})?"
_ADDRESSES = re.compile(rf"(?:[^\s/?#@:]*(?::[^\s/?#@:]*)?@)?{_HOST}(?:,{_HOST})*(?:/[^\s/?#@]*)?(?:\?[^\s#]*)?")
"""What follows ``postgresql://``: what is no address might be read as another one, and a password told as its host."""


class ProviderSettings(BaseModel):
    """One OpenAI-compatible endpoint (``[providers.<name>]``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(pattern=r"^https?://", description="Up to and including the version, e.g. http://host/v1")
    api_key: SecretStr | None = Field(None, description="Its key; better in a variable, which api_key_env names")
    api_key_env: str | None = Field(None, description="Name of the variable that holds the key")
    kind: Literal["generic", "openai", "moonshot", "deepseek"] = Field(
        "generic", description="Whose manners it has: fields, limits in headers, prices"
    )
    models: tuple[str, ...] = Field((), description="Models it serves, beside those that its /models lists")
    max_concurrency: int | None = Field(None, ge=1, description="Calls at once; the service's max_agents by default")
    requests_per_minute: int | None = Field(None, ge=1, description="Of each of its models")
    tokens_per_minute: int | None = Field(None, ge=1, description="Of each of its models, in + out")
    structured_output: Literal["json_schema", "json_object", "prompt"] | None = Field(
        None, description="How its models are asked for JSON of a schema; by vendor and model where it is not set"
    )
    thinking_by: Literal["thinking", "reasoning_effort", "chat_template_kwargs", "nothing"] | None = Field(
        None, description="Field that tells its models to think or not to; by vendor and model where it is not set"
    )
    context_windows: dict[str, Annotated[int, Field(ge=1, le=1_000_000_000)]] = Field(
        default_factory=dict, description="By model: the most tokens, in + out, of one call"
    )
    vision: bool | tuple[str, ...] | None = Field(
        None, description="Its models that read images and videos, true for all, false for none; unset: it decides"
    )
    image_tokens: int | None = Field(None, ge=1, le=10**7, description="The most that its models make of one image")
    video_tokens: int | None = Field(None, ge=1, le=10**7, description="The most that its models make of one video")

    def key(self) -> str | None:
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        return os.environ.get(self.api_key_env) if self.api_key_env else None


class PriceSettings(BaseModel):
    """US dollars per million tokens (``[prices."<model>"]``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_per_mtok: Decimal = Field(ge=0, le=100_000, description="Of the prompt")
    output_per_mtok: Decimal = Field(ge=0, le=100_000, description="Of the completion")
    cached_input_per_mtok: Decimal | None = Field(
        None, ge=0, le=100_000, description="Of what of the prompt the provider had in its cache; as input by default"
    )


class McpServerSettings(BaseModel):
    """One MCP server, a program or an address (``[mcp.<name>]``); its tools are called ``<name>_<tool>``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tuple[str, ...] = Field((), description="Program and arguments, run without a shell")
    url: str | None = Field(None, pattern=r"^https?://", description="Endpoint of streamable HTTP; may be private")
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Of the program, beside PATH, HOME and LANG")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Of every request to url")
    timeout_s: float = Field(60.0, gt=0, le=3600, description="Of one call")
    tools: tuple[str, ...] | None = Field(None, description="The only ones to offer; all by default")

    @model_validator(mode="after")
    def _check(self) -> McpServerSettings:
        if bool(self.command) == (self.url is not None):
            raise ValueError("expected either command or url")
        return self


class Settings(BaseSettings):
    """Everything that can be configured. Each field is ``SWARMD_<NAME>`` and a flag of ``swarmd serve``."""

    model_config = SettingsConfigDict(
        env_prefix="SWARMD_",
        frozen=True,
        extra="forbid",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # it may hold a key
    )

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs a key")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    data_dir: Path = Field(Path(".swarmd"), description="Directory of the database and files")
    database_url: SecretStr | None = Field(
        None, description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; default: swarmd.db in data_dir"
    )
    lease_s: float = Field(
        10.0, ge=2, le=600, description="PostgreSQL: within so long the swarms of a node that is gone go on elsewhere"
    )
    config: Path | None = Field(None, description="TOML file with further settings")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal")

    default_model: str | None = Field(None, description="Model of requests that name none")
    provider_base_url: str | None = Field(None, description="Short way to one OpenAI-compatible endpoint")
    provider_api_key: SecretStr | None = Field(None, description="Its key")
    provider_max_concurrency: int | None = Field(None, ge=1, description="Calls to it at once")
    provider_requests_per_minute: int | None = Field(None, ge=1, description="Of each of its models")
    provider_tokens_per_minute: int | None = Field(None, ge=1, description="Of each of its models, in + out")
    providers: dict[str, ProviderSettings] = Field(default_factory=dict, description="Endpoints, by a name of yours")
    aliases: dict[str, str] = Field(default_factory=dict, description="Other names for models")
    fallbacks: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="By model: those that stand in for it while its breaker is open, in order"
    )
    prices: dict[str, PriceSettings] = Field(
        default_factory=dict, description="By model; they win over the kept list prices"
    )
    mcp: dict[Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,32}$")], McpServerSettings] = Field(
        default_factory=dict, description="MCP servers whose tools are offered"
    )

    max_agents: int = Field(1000, ge=1, le=100_000, description="Attempts at once, per provider")
    breaker_failures: int = Field(10, ge=1, description="Failures in a row of a model that open its circuit breaker")
    breaker_recovery_s: float = Field(10.0, gt=0, le=3600, description="Wait before the first probes")
    breaker_probes: int = Field(3, ge=1, description="Probes at once while a breaker is half-open")
    breaker_patience_s: float = Field(
        90.0, ge=0, le=86_400, description="Then calls to a provider that is still down may fail by themselves"
    )
    max_runs: int = Field(2000, ge=1, le=100_000, description="Swarms in hand at once; further ones wait")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Largest request body")
    max_upload_bytes: int = Field(512 * 1024 * 1024, ge=1024, description="Largest file of POST /v1/files")
    max_uploads_bytes: int = Field(10 * 1024**3, ge=1024, description="All uploaded files of a tenant")
    max_picture_bytes: int = Field(
        20 * 1024**2, ge=1024, le=512 * 1024**2, description="Uploaded images and videos that one call is sent"
    )
    max_memory_entries: int = Field(10_000, ge=1, description="Keys in the shared memory of an orchestrator")
    max_memory_bytes: int = Field(16 * 1024**2, ge=1024, description="Keys and values in that; the oldest give way")
    max_memory_tokens: int = Field(1_000_000, ge=256, description="The same as tokens, of four bytes each")
    max_messages: int = Field(100_000, ge=1, description="Messages that a swarm keeps")
    max_messages_bytes: int = Field(64 * 1024**2, ge=65_536, description="All bodies of those")
    max_artifacts: int = Field(10_000, ge=1, description="Artifacts of a swarm, all versions counted")
    max_artifact_bytes: int = Field(64 * 1024**2, ge=1024, description="Largest artifact")
    max_artifacts_bytes: int = Field(1024**3, ge=1024, description="All artifacts of a swarm")
    max_tasks: int = Field(20_000, ge=1, le=1_000_000, description="Tasks a swarm")
    max_input_bytes: int = Field(1024 * 1024, ge=1024, description="Largest input of one task")
    max_output_tokens: int = Field(2048, ge=1, description="Completion cap of one model call")
    max_wait_s: float = Field(300.0, gt=0, description="Longest ?wait=")
    slow_client_s: float = Field(10.0, gt=0, description="A stream that takes nothing for so long is closed (4008)")
    idempotency_hours: float = Field(24.0, ge=1, le=8760, description="How long an Idempotency-Key is remembered")
    credits: bool = Field(
        False, description="Tenants prepay: what they start is refused (402) once nothing is left of their credits"
    )
    free_credits_usd: Decimal = Field(
        Decimal(0), ge=0, le=1_000_000, decimal_places=9, description="What a new tenant's credits begin with"
    )
    webhook_attempts: int = Field(
        8, ge=1, le=10, description="Attempts of a webhook delivery: 8 take 31 hours, 10 three days"
    )
    webhook_timeout_s: float = Field(15.0, ge=1, le=60, description="Of one such attempt")
    webhook_days: int = Field(30, ge=1, le=3650, description="How long deliveries that ended are kept")
    webhook_private: bool = Field(False, description="Let webhooks reach addresses that are not public")
    max_graphs: int = Field(1_000, ge=1, description="Saved graphs of a tenant")
    max_graph_bytes: int = Field(8 * 1024**2, ge=1024, description="Largest saved graph, its layout included")
    audit_days: int = Field(365, ge=1, le=36_500, description="How long the audit log is kept")
    fetch_private: bool = Field(False, description="Let http_fetch reach private addresses; never link-local ones")
    searxng_url: str | None = Field(None, description="A SearXNG that answers as JSON, for web_search")
    brave_api_key: SecretStr | None = Field(None, description="Key of Brave's search, for web_search")
    workspace: Path | None = Field(None, description="Directory whose files requests may name; none by default")
    nats_url: SecretStr | None = Field(
        None,
        description="NATS server with JetStream, to work on several nodes; needs PostgreSQL; with commas: of a cluster",
    )
    nats_user: str | None = Field(None, description="User of it, if not in its URL")
    nats_password: SecretStr | None = Field(None, description="Its password")
    nats_credentials: Path | None = Field(None, description="File with a user's JWT and seed instead")
    nats_ca: Path | None = Field(None, description="Certificates that its own is checked by; the system's by default")
    nats_prefix: str = Field(
        "swarmd", pattern=r"^[A-Za-z0-9_-]{1,32}$", description="Of its subjects, so that services can share a server"
    )
    nats_replicas: int = Field(1, ge=1, le=5, description="Copies of what waits for workers, in a cluster")
    nats_max_bytes: int = Field(
        1024**3,
        ge=16 * 1024**2,
        le=1024**5,
        description="Of what waits for workers, room that NATS reserves; jobs beyond it wait at the services",
    )
    local_agents: int | None = Field(
        None,
        ge=0,
        le=100_000,
        description="With NATS: jobs that serve itself does at once; max_agents by default, 0 leaves all to workers",
    )
    worker_concurrency: int = Field(256, ge=1, le=100_000, description="Jobs that swarmd worker does at once")
    worker_tags: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ...] = Field(
        (), description="Capability tags that this worker can serve and others may not"
    )
    worker_port: int = Field(
        8010, ge=0, le=65535, description="Of a worker's /healthz, /readyz, /metrics; 0: a free one"
    )
    drain_s: float = Field(20.0, ge=0, le=3600, description="Seconds that running calls get to end at a stop")
    metrics: bool = Field(True, description="Serve GET /metrics")
    otlp_endpoint: str | None = Field(
        None, pattern=r"^https?://", description="OTLP/HTTP collector of traces; else OTEL_EXPORTER_OTLP_ENDPOINT"
    )

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.database_url is not None:
            scheme, _, rest = self.database_url.get_secret_value().partition("://")
            if scheme not in {"sqlite", *_POSTGRESQL} or not rest.startswith("/" if scheme == "sqlite" else ""):
                raise ValueError("database_url: expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
            if scheme in _POSTGRESQL and not _ADDRESSES.fullmatch(rest):
                raise ValueError(
                    "database_url: expected postgresql://USER:PASSWORD@HOST:PORT/NAME; in user and password / is"
                    " written as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25"
                )
        if self.nats_url is not None:
            for url in self.nats_url.get_secret_value().split(","):
                if not _NATS_URL.fullmatch(url.strip()):
                    raise ValueError("nats_url: expected nats://HOST:4222 or tls://HOST:4222, several with commas")
        if (self.nats_user is None) != (self.nats_password is None):
            raise ValueError("nats_user and nats_password belong together; a token is written nats://TOKEN@HOST:4222")
        if self.nats_url is not None and not isinstance(self.database, str):
            raise ValueError("nats_url: several nodes need one database: set database_url to PostgreSQL's")
        if self.provider_api_key is not None and self.provider_base_url is None:
            raise ValueError("provider_api_key needs provider_base_url")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = settings_cls.model_config.get("toml_file")
        sources = (init_settings, env_settings)
        return (*sources, TomlConfigSettingsSource(settings_cls)) if path else sources

    def all_providers(self) -> dict[str, ProviderSettings]:
        """Return the configured providers by name, in order of preference."""
        found: dict[str, ProviderSettings] = {}
        if self.provider_base_url is not None:
            found["default"] = ProviderSettings(
                base_url=self.provider_base_url,
                api_key=self.provider_api_key,
                models=(self.default_model,) if self.default_model else (),
                max_concurrency=self.provider_max_concurrency,
                requests_per_minute=self.provider_requests_per_minute,
                tokens_per_minute=self.provider_tokens_per_minute,
            )
        found.update(self.providers)
        for name, (variable, base_url, model) in WELL_KNOWN.items():
            if os.environ.get(variable) and name not in found:
                found[name] = ProviderSettings.model_validate(
                    {"base_url": base_url, "api_key_env": variable, "kind": name, "models": (model,)}
                )
        return found

    @property
    def database(self) -> Path | str:
        """A SQLite file, or the URL of a PostgreSQL database, password included."""
        if self.database_url is None:
            return self.data_dir / "swarmd.db"
        scheme, _, rest = self.database_url.get_secret_value().partition("://")
        return f"postgresql://{rest}" if scheme in _POSTGRESQL else Path(rest.removeprefix("/"))

    @property
    def database_path(self) -> Path | None:
        """The SQLite file; None where the database is a server's."""
        return self.database if isinstance(self.database, Path) else None

    @property
    def blobs_path(self) -> Path:
        """Directory of the contents of artifacts and uploads."""
        return (self.database_path or self.data_dir / "swarmd.db").with_suffix(".blobs")


def load_settings(**flags: Any) -> Settings:
    """Read the settings; ``flags`` that are not None win.

    Raises:
        ValueError: a value is wrong, or the file cannot be read; the message says which.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = given.get("config") or os.environ.get(CONFIG_VARIABLE)
    if not path:
        return Settings(**given)
    if not Path(path).is_file():
        raise ValueError(f"the configuration file {path} does not exist")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        raise ValueError(f"the configuration file {path} cannot be read: {exc}") from exc
