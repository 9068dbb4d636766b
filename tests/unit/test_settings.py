"""Settings: flags win over variables, variables over the file, the file over the defaults; keys are never flags."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.settings import WELL_KNOWN, Settings, load_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("SWARMD_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "swarmd.toml"
    monkeypatch.setenv("SWARMD_CONFIG", str(path))
    return path


def test_defaults_serve_this_machine_only_and_need_nothing() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path(".swarmd"))
    assert settings.database_path == Path(".swarmd/swarmd.db")
    assert settings.all_providers() == {}
    assert (settings.max_tasks, settings.max_body_bytes) == (20_000, 32 * 1024 * 1024)


def test_each_source_wins_over_the_next(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("port = 1001\nmax_tasks = 1001\nmax_runs = 1001\n")
    monkeypatch.setenv("SWARMD_PORT", "1002")
    monkeypatch.setenv("SWARMD_MAX_TASKS", "1002")

    settings = load_settings(port=1003)

    assert (settings.port, settings.max_tasks, settings.max_runs, settings.max_agents) == (1003, 1002, 1001, 1000)


def test_a_flag_that_was_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PORT", "1002")

    assert load_settings(port=None).port == 1002


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PORT", "")
    monkeypatch.setenv("SWARMD_DEFAULT_MODEL", "")

    assert (load_settings().port, load_settings().default_model) == (8000, None)


def test_the_file_can_be_a_flag(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('log_level = "debug"\n')

    assert load_settings(config=path).log_level == "debug"


def test_one_file_does_not_leak_into_the_next_load(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("port = 1001\n")

    assert load_settings(config=path).port == 1001
    assert load_settings().port == 8000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("port = ", "swarmd.toml"),
        ('port = "many"', "port"),
        ("unknown_setting = 1", "unknown_setting"),
        ('[providers.x]\nbase_url = "ftp://x"', "base_url"),
        ('[providers.x]\nbase_url = "http://x"\napi_keys = "y"', "api_keys"),
        ("[prices.m]\ninput_per_mtok = -1\noutput_per_mtok = 1", "input_per_mtok"),
        ("[prices.m]\ninput_per_mtok = 1", "output_per_mtok"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_what_is_wrong(toml: Path, text: str, named: str) -> None:
    toml.write_text(text)

    with pytest.raises(ValueError, match=named) as caught:
        load_settings()

    assert named in str(caught.value)


def test_a_missing_file_is_an_error(toml: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SWARMD_PORT", "99999"),
        ("SWARMD_PORT", "http"),
        ("SWARMD_MAX_TASKS", "0"),
        ("SWARMD_MAX_WAIT_S", "0"),
        ("SWARMD_LOG_LEVEL", "loud"),
        ("SWARMD_DATABASE_URL", "mysql://x"),
        ("SWARMD_PROVIDER_API_KEY", "sk-without-url"),
        ("SWARMD_PROVIDER_MAX_CONCURRENCY", "0"),
    ],
)
def test_a_wrong_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValueError, match=r"."):
        load_settings()


def test_an_error_never_tells_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PROVIDER_API_KEY", "sk-very-secret")

    with pytest.raises(ValueError, match="provider_api_key") as caught:
        load_settings()

    assert "sk-very-secret" not in str(caught.value)


def test_a_database_url_leads_to_its_path() -> None:
    assert load_settings(database_url="sqlite:///some/x.db").database_path == Path("some/x.db")
    assert load_settings(database_url="sqlite:////var/x.db").database_path == Path("/var/x.db")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_has_no_path_and_its_password_is_shown_nowhere(scheme: str) -> None:
    settings = load_settings(database_url=f"{scheme}://me:s3cret@db.example/swarmd")

    assert settings.database == "postgresql://me:s3cret@db.example/swarmd"
    assert settings.database_path is None
    assert "s3cret" not in repr(settings) + str(settings)


# --- providers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_a_vendors_usual_variable_is_picked_up(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable, base_url, model = WELL_KNOWN[name]
    monkeypatch.setenv(variable, "sk-usual")

    [(found, provider)] = load_settings().all_providers().items()

    assert (found, provider.base_url, provider.kind, provider.models) == (name, base_url, name, (model,))
    assert provider.key() == "sk-usual"
    assert "sk-usual" not in repr(provider)


def test_the_short_way_names_one_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PROVIDER_BASE_URL", "http://127.0.0.1:11434/v1")
    monkeypatch.setenv("SWARMD_PROVIDER_API_KEY", "sk-short")
    monkeypatch.setenv("SWARMD_DEFAULT_MODEL", "llama")

    settings = load_settings(provider_max_concurrency=7)

    [(name, provider)] = settings.all_providers().items()
    assert (name, provider.base_url, provider.models) == ("default", "http://127.0.0.1:11434/v1", ("llama",))
    assert (provider.key(), provider.max_concurrency, provider.kind) == ("sk-short", 7, "generic")
    assert "sk-short" not in repr(settings)


def test_configured_providers_come_in_order_and_stand_before_vendors(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml.write_text(
        """
        default_model = "b1"
        aliases = { fast = "b1" }

        [providers.b]
        base_url = "http://b/v1"
        api_key_env = "B_KEY"
        models = ["b1", "b2"]

        [providers.openai]
        base_url = "http://mine/v1"
        kind = "openai"

        [prices."b1"]
        input_per_mtok = 0.15
        output_per_mtok = "0.60"
        """
    )
    monkeypatch.setenv("B_KEY", "sk-b")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-moon")

    settings = load_settings()
    providers = settings.all_providers()

    assert list(providers) == ["b", "openai", "moonshot"]
    assert providers["b"].key() == "sk-b"
    assert providers["openai"].base_url == "http://mine/v1"
    assert providers["openai"].key() is None
    assert settings.aliases == {"fast": "b1"}
    assert settings.prices["b1"].output_per_mtok == Decimal("0.60")


def test_nested_settings_can_be_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PROVIDERS__MINE__BASE_URL", "http://mine/v1")
    monkeypatch.setenv("SWARMD_PROVIDERS__MINE__API_KEY", "sk-nested")

    [provider] = load_settings().all_providers().values()

    assert (provider.base_url, provider.key()) == ("http://mine/v1", "sk-nested")


def test_settings_cannot_be_changed() -> None:
    settings: Any = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1
    assert isinstance(settings, Settings)


def test_a_provider_may_say_what_its_models_take(toml: Path) -> None:
    toml.write_text(
        """
        [providers.mine]
        base_url = "http://127.0.0.1:9/v1"
        structured_output = "json_object"
        thinking_by = "chat_template_kwargs"
        context_windows = {"org/model" = 32768}
        """
    )

    mine = load_settings().all_providers()["mine"]

    assert (mine.structured_output, mine.thinking_by) == ("json_object", "chat_template_kwargs")
    assert mine.context_windows == {"org/model": 32_768}


@pytest.mark.parametrize(
    "line", ['structured_output = "xml"', 'thinking_by = "magic"', "context_windows = {m = 0}", "context_windows = 5"]
)
def test_what_a_provider_cannot_take_is_refused_at_the_start(toml: Path, line: str) -> None:
    toml.write_text(f'[providers.mine]\nbase_url = "http://127.0.0.1:9/v1"\n{line}\n')

    with pytest.raises(ValueError, match=line.split(maxsplit=1)[0]):
        load_settings()


_DATABASE = "postgresql://swarmd:pw@db/swarmd"


@pytest.mark.parametrize(
    "url", ["nats://a:4222", "tls://u:p@a:4222, tls://b:4222", "wss://proxy/nats", "nats://token@a"]
)
def test_addresses_of_nats_may_be_several(url: str) -> None:
    settings = load_settings(database_url=_DATABASE, nats_url=url)

    assert settings.nats_url is not None
    assert settings.nats_url.get_secret_value() == url
    assert url not in repr(settings)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nats_url": "http://s3cret@a"}, "expected nats://HOST:4222"),
        ({"nats_url": "nats://a,"}, "expected nats://HOST:4222"),
        ({"nats_url": "nats://a", "nats_user": "u"}, "belong together"),
    ],
)
def test_what_is_no_address_of_nats_is_refused_without_being_shown(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        load_settings(database_url=_DATABASE, **wrong)
    assert "s3cret" not in str(caught.value)
