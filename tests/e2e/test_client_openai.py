"""A client as users write them: ``openai.AsyncOpenAI`` with three roles of N calls each; only its base URL is ours."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.support.service import ROOT, MockModelProcess, ServiceProcess, clean_environment

# --- the program -----------------------------------------------------------------------------------------------------

ROLES = {
    "researcher": "You find facts.",
    "analyzer": "You weigh facts.",
    "synthesizer": "You write one answer.",
}


class Team:
    def __init__(self, client: openai.AsyncOpenAI, model: str) -> None:
        self.client = client
        self.model = model

    async def ask(self, role: str, question: str) -> ChatCompletion:
        return await self.client.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": ROLES[role]}, {"role": "user", "content": question}],
            temperature=0.3,
            max_tokens=500,
            extra_body={"thinking": {"type": "disabled"}, "context": {"role": role}},
        )

    async def run(self, question: str, size: int) -> dict[str, list[str]]:
        """Role by role, each of ``size`` calls at once, the later ones knowing what the earlier said."""
        said: dict[str, list[str]] = {}
        for role in ROLES:
            before = "\n".join(text for texts in said.values() for text in texts)
            calls = [self.ask(role, f"{question}\nAngle {number}.\n{before}") for number in range(size)]
            said[role] = [answer.choices[0].message.content or "" for answer in await asyncio.gather(*calls)]
        return said


# --- its tests -------------------------------------------------------------------------------------------------------

SIZE = 15


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockModelProcess]:
    with MockModelProcess(tmp_path_factory.mktemp("mock"), "--latency-ms", "30", "--strict") as process:
        yield process


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mock: MockModelProcess) -> Iterator[ServiceProcess]:
    prices = {"SWARMD_PRICES": '{"mock": {"input_per_mtok": 1, "output_per_mtok": 2}}'}
    with ServiceProcess(tmp_path_factory.mktemp("openai"), *mock.as_provider(), **prices) as process:
        yield process


def client_of(service: ServiceProcess, key: str = "anything", max_retries: int = 0) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=max_retries)


@pytest.mark.anyio
async def test_three_roles_of_n_calls_each(service: ServiceProcess, mock: MockModelProcess) -> None:
    """OpenAI-compatible, so any OpenAI SDK works with only its base URL changed."""
    async with client_of(service) as client:
        said = await Team(client, "mock").run("What is a swarm?", SIZE)
    async with httpx2.AsyncClient() as model:
        stats = (await model.get(f"{mock.root_url}/mock/stats")).json()

    assert list(said) == list(ROLES)
    assert all(len(texts) == SIZE and all(texts) for texts in said.values())
    assert (stats["by_status"], stats["max_in_flight"]) == ({"200": 3 * SIZE}, SIZE)


@pytest.mark.anyio
async def test_the_sdk_reads_every_field(service: ServiceProcess) -> None:
    """The answer adds ``latency_ms`` and ``usage.cost``."""
    async with client_of(service) as client:
        answer = await Team(client, "mock").ask("analyzer", "How tall is it?")
        models = [model.id async for model in client.models.list()]

    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    extra = answer.model_extra or {}
    assert extra["latency_ms"] >= 30
    assert (answer.usage.model_extra or {})["cost"] > 0
    assert {"mock", "offline"} <= set(models)


@pytest.mark.anyio
async def test_errors_are_the_sdks_own(service: ServiceProcess, mock: MockModelProcess) -> None:
    """Under ``/v1/chat/completions`` and ``/v1/models`` the OpenAI error envelope instead, and a 429 there says
    ``rate_limit`` in ``error.code`` and in the message."""
    script = [{"match": "too often", "status": 429, "retry_after_s": 1}, {"match": "broken", "status": 500}]
    async with httpx2.AsyncClient() as model:
        (await model.post(f"{mock.root_url}/mock/script", json=script)).raise_for_status()
    async with client_of(service) as client:
        team = Team(client, "mock")
        with pytest.raises(openai.RateLimitError) as limited:
            await team.ask("analyzer", "too often")
        with pytest.raises(openai.InternalServerError):
            await team.ask("analyzer", "broken")
        with pytest.raises(openai.NotFoundError) as unknown:
            await Team(client, "unheard-of").ask("analyzer", "x")
        with pytest.raises(openai.BadRequestError) as bad:
            await client.chat.completions.create(model="mock", messages=[])

    assert limited.value.code == "rate_limit"
    assert "rate_limit" in str(limited.value)
    assert limited.value.response.headers["Retry-After"] == "1"
    assert unknown.value.code == "model_not_found"
    assert bad.value.param == "messages"


@pytest.mark.anyio
async def test_the_sdks_own_retries_get_through(service: ServiceProcess, mock: MockModelProcess) -> None:
    async with httpx2.AsyncClient() as model:
        script = {"match": "again and again", "status": 503, "times": 1}
        (await model.post(f"{mock.root_url}/mock/script", json=script)).raise_for_status()
    async with client_of(service, max_retries=2) as client:
        answer = await Team(client, "mock").ask("researcher", "again and again")

    assert answer.choices[0].message.content


def test_a_key_is_the_sdks_api_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    """``Authorization: Bearer <key>``; ``swarmd keys create --scopes … --json``, which works before the first start."""
    folder = tmp_path_factory.mktemp("keys")
    command = [sys.executable, "-m", "app.cli", "keys", "create", "--scopes", "read,run", "--json"]
    made = subprocess.run(
        [*command, "--data-dir", str(folder / "data")],
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )

    async def ask(service: ServiceProcess, key: str) -> str | None:
        async with client_of(service, key) as client:
            answer = await Team(client, "offline").ask("analyzer", 'Return JSON with keys "a" and "b".')
            return answer.choices[0].message.content

    with ServiceProcess(folder) as service:
        content = asyncio.run(ask(service, json.loads(made.stdout)["key"]))
        with pytest.raises(openai.AuthenticationError):
            asyncio.run(ask(service, "sk-wrong"))

    assert set(json.loads(content or "")) == {"a", "b"}
