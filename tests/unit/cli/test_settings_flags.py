"""Every setting is a flag, no key is, and a wrong value is named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from app.cli.failures import EXIT_USAGE, Failure
from app.cli.settings_flags import read_settings, settings_flags
from app.settings import Settings

SECRET = {"provider_api_key", "providers", "brave_api_key", "mcp", "database_url", "nats_password", "nats_url"}
"""The second may hold keys inside, the last three passwords."""


def test_every_setting_but_the_keys_is_a_flag_of_serve() -> None:
    text = CliRunner().invoke(command, ["serve", "--help"], env={"COLUMNS": "200"}).output

    assert set(settings_flags()) == set(Settings.model_fields) - SECRET
    for name in settings_flags():
        assert f"--{name.replace('_', '-')}" in text
    assert "never flags" in text


def test_a_flag_wins_over_the_environment_and_leaves_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWARMD_PORT", "1234")
    monkeypatch.setenv("SWARMD_LOG_LEVEL", "error")

    settings = read_settings({"port": 4321, "data_dir": tmp_path})

    assert (settings.port, settings.log_level, settings.data_dir) == (4321, "error", tmp_path)


def test_a_structured_setting_is_json() -> None:
    assert read_settings({"aliases": '{"fast": "offline"}'}).aliases == {"fast": "offline"}
    with pytest.raises(Failure, match="--aliases: expected JSON"):
        read_settings({"aliases": "fast=offline"})


def test_a_wrong_value_is_named_with_its_variable_and_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PORT", "many")

    with pytest.raises(Failure) as failure:
        read_settings({"log_level": "loud"})

    assert failure.value.exit_code == EXIT_USAGE
    assert "SWARMD_PORT (--port): " in failure.value.message
    assert "SWARMD_LOG_LEVEL (--log-level): " in failure.value.message


@pytest.mark.parametrize("text", ["port = ", "port = 'x'", "unheard_of = 1", "[providers.a]\nbase_url = 'ftp://x'"])
def test_a_bad_configuration_file_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "swarmd.toml"
    file.write_text(text)

    with pytest.raises(Failure, match="the settings are not usable") as failure:
        read_settings({"config": file})
    assert failure.value.exit_code == EXIT_USAGE


def test_a_missing_configuration_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="does not exist"):
        read_settings({"config": tmp_path / "absent.toml"})


def test_an_error_never_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMD_PROVIDER_API_KEY", "sk-very-secret")
    monkeypatch.setenv("SWARMD_PORT", "many")

    with pytest.raises(Failure) as failure:
        read_settings({})
    assert "sk-very-secret" not in failure.value.message
