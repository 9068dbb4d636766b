"""A PostgreSQL server as operators meet it: addresses and passwords that are wrong, TLS, too many connections."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from app.domain.errors import StoreUnavailable
from app.settings import load_settings
from app.storage.dialect.postgres import connect
from app.storage.engine import open_accounts
from tests.support import postgres
from tests.support.certificates import self_signed
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.service import ROOT, ServiceProcess, clean_environment, in_process

pytestmark = pytest.mark.anyio

_MOST = 16

DRIVER_LEAVES_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""asyncpg leaves the socket of a connection that it did not make to the collector, which warns of it."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = PostgresServer(max_connections=_MOST)
    made.certify("IP:127.0.0.1")
    with made:
        yield made


def command(folder: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    env = {**clean_environment(), "PYTHONPATH": str(ROOT), "SWARMD_DATABASE_URL": url, "SWARMD_DATA_DIR": str(folder)}
    started = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.Popen(started, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


# --- what cannot be opened -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((PASSWORD, "wr0ng-p4ss"), "password authentication failed"),
        (("/db1", "/nowhere"), 'nowhere at 127.0.0.1:PORT cannot be opened: database "nowhere" does not exist'),
        (("@127.0.0.1:PORT", "@127.0.0.1:1"), "at 127.0.0.1:1 cannot be opened"),
        (("/db1", "/db1?sslmode=sometimes"), "`sslmode` parameter must be one of"),
        (("/db1", "/db1?sslmode=verify-full&sslrootcert=/none.pem"), "that its URL names cannot be had"),
    ],
    ids=["password", "name", "nobody there", "mode of TLS", "certificate"],
)
@DRIVER_LEAVES_SOCKETS
async def test_what_cannot_be_opened_is_said_in_a_line_that_tells_no_password(
    server: PostgresServer, change: tuple[str, str], said: str
) -> None:
    old, new, said = (text.replace("PORT", str(server.port)) for text in (*change, said))
    url = server.url("db1").replace(old, new)

    with pytest.raises(StoreUnavailable) as refused:
        async with open_accounts(url):
            pass

    gc.collect()
    assert said in refused.value.detail
    assert "\n" not in refused.value.detail
    assert not any(secret in refused.value.detail for secret in (PASSWORD, "wr0ng"))


def test_a_service_that_cannot_open_it_ends_with_1_and_that_line(server: PostgresServer, tmp_path: Path) -> None:
    url = server.url("db1").replace(PASSWORD, "wr0ng-p4ss")
    serve = command(tmp_path, url, "serve", "--port", "0")
    out, err = serve.communicate(timeout=60)

    assert (serve.returncode, out) == (1, "")
    assert err.startswith("swarmd: error: the database db1 at 127.0.0.1")
    assert err.count("\n") == 1
    assert "wr0ng" not in err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://swarmd:p4ss/word@db/swarmd",
        "postgresql://swarmd:p4ss@word@db/swarmd",
        "postgresql://swarmd:p4ss#word@db/swarmd",
        "postgresql://swarmd:p4ssword@db:port/swarmd",
        "postgresql+asyncpg://swarmd:p4ssword@db/swarmd",
    ],
)
def test_a_url_that_might_be_read_otherwise_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ValueError, match="database_url: expected") as refused:
        load_settings(database_url=url)

    assert "p4ss" not in str(refused.value)


@pytest.mark.parametrize(
    "rest",
    [
        "db",
        "/swarmd",
        "u@db:5432/swarmd",
        "u:p%40ss%2F@[::1]:5432/swarmd?sslmode=require&sslrootcert=/etc/ssl/ca.pem",
        "u:p@a:5432,b:5433/swarmd?target_session_attrs=primary",
        "?host=/var/run/postgresql&user=me@realm",
    ],
)
def test_urls_of_all_forms_are_taken(rest: str) -> None:
    assert load_settings(database_url=f"postgres://{rest}").database == f"postgresql://{rest}"


def test_commands_say_what_is_wrong_with_the_url_or_what_to_do_instead(server: PostgresServer, tmp_path: Path) -> None:
    wrong = command(tmp_path, "mysql://swarmd:p4ssword@db/x", "keys", "list")
    backup = command(tmp_path, server.url("db1"), "backup", "copy.db")
    saids = [one.communicate(timeout=60)[1] for one in (wrong, backup)]

    assert [wrong.returncode, backup.returncode] == [2, 2]
    assert "expected sqlite:///PATH or postgresql://" in saids[0]
    assert 'pg_dump --format=custom --file=copy.db "$SWARMD_DATABASE_URL"' in saids[1]
    assert not any(secret in said for secret in (PASSWORD, "p4ssword") for said in saids)


# --- versions --------------------------------------------------------------------------------------------------------


async def test_a_schema_of_a_newer_version_is_left_alone(server: PostgresServer) -> None:
    url = await asyncio.to_thread(server.create_database)
    await ask(url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreUnavailable, match="was made by another version of swarmd"):
        async with open_accounts(url):
            pass

    assert await ask(url, "SELECT version_num FROM alembic_version") == "9999"


def test_of_several_that_open_an_empty_database_at_once_one_makes_it(server: PostgresServer, tmp_path: Path) -> None:
    url = server.create_database(empty=True)
    several = [command(tmp_path, url, "keys", "create", "--name", f"k{number}") for number in range(3)]
    ended = [(*one.communicate(timeout=120), one.returncode) for one in several]

    assert [status for _, _, status in ended] == [0, 0, 0], ended
    assert asyncio.run(ask(url, "SELECT count(*) FROM keys")) == 3


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_connections_are_encrypted_and_the_server_is_checked_as_the_url_says(
    server: PostgresServer, mode: str
) -> None:
    url = await asyncio.to_thread(server.create_database)
    checked = f"&sslrootcert={server.certificate}" if mode != "require" else ""
    connection = await connect(f"{url}?sslmode={mode}{checked}")
    try:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    finally:
        await connection.close(timeout=5)

    async with open_accounts(f"{url}?sslmode={mode}{checked}") as accounts:
        assert (await accounts.keys.list(None, limit=5, cursor=None)).items == []


@DRIVER_LEAVES_SOCKETS
async def test_a_server_of_another_certificate_or_without_one_is_not_talked_to(
    server: PostgresServer, tmp_path: Path
) -> None:
    other, _ = await asyncio.to_thread(self_signed, tmp_path, "IP:127.0.0.1", subject="another")
    plain = await asyncio.to_thread(postgres.server)

    for url, said in (
        (f"{server.url('postgres')}?sslmode=verify-full&sslrootcert={other}", "certificate verify failed"),
        (f"{plain.url('postgres')}?sslmode=require", "rejected SSL upgrade"),
    ):
        with pytest.raises(StoreUnavailable, match=said):
            async with open_accounts(url):
                pass
    gc.collect()


# --- a service on it -------------------------------------------------------------------------------------------------


async def test_a_server_that_takes_no_more_connections_is_a_503_with_when_to_ask_again(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(server.create_database)
    name = url.rpartition("/")[2]
    others: list[asyncpg.Connection] = []

    async def fill() -> None:
        while True:
            try:
                others.append(await asyncpg.connect(server.url("postgres")))
            except asyncpg.TooManyConnectionsError:
                return

    async with in_process(tmp_path, database_url=url) as client:
        assert (await client.get("/v1/swarms")).status_code == 200
        try:
            await fill()
            own = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            refused: list[httpx2.Response] = []
            async with asyncio.timeout(30):
                while not (refused and ("slots" in refused[-1].text or "too many clients" in refused[-1].text)):
                    await others[0].execute(own)  # what it has had is taken by others
                    await fill()
                    refused.append(await client.get("/v1/swarms"))
            posted = await client.post("/v1/swarms", json={"tasks": [{"id": "a", "prompt": "x"}]})
            assert {one.status_code for one in [*refused, posted]} <= {200, 503}
            assert posted.status_code == 503
            assert all(one.headers.get("retry-after") for one in [*refused, posted] if one.status_code == 503)
        finally:
            for one in others:
                await one.close()
        async with asyncio.timeout(30):
            while (answer := await client.post("/v1/swarms", json={"tasks": [{"id": "a", "prompt": "x"}]})).is_error:
                assert answer.status_code == 503
                await asyncio.sleep(0.1)


def test_nothing_of_a_service_tells_the_password(server: PostgresServer, tmp_path: Path) -> None:
    url = server.create_database()
    with ServiceProcess(tmp_path, SWARMD_DATABASE_URL=url, SWARMD_LOG_LEVEL="debug") as service:
        with service.client() as client:
            assert client.post("/v1/swarms?wait=20", json={"tasks": [{"id": "a", "prompt": "x"}]}).status_code == 201
            told = [client.get(path).text for path in ("/metrics", "/readyz", "/openapi.json", "/v1/models")]
            server.stop()
            told += [client.get(path).text for path in ("/v1/swarms", "/readyz")]
            server.start()
        service.terminate()
        told.append(service.output)

    assert "127.0.0.1" in "".join(told)
    assert not [text for text in told if PASSWORD in text]
