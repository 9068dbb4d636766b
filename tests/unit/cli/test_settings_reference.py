"""The reference of settings says what may be given, by the classes alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli.settings_reference import reference, settings
from app.settings import McpServerSettings, PriceSettings, ProviderSettings, Settings


def row(name: str) -> list[str]:
    [line] = re.findall(rf"^\| `{name}`.*$", reference(), re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_setting_and_every_key_of_a_table_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)`\*? \| ", reference(), re.MULTILINE)
    keys = [key for model in (ProviderSettings, PriceSettings, McpServerSettings) for key in model.model_fields]

    assert set(rows) >= {f"SWARMD_{name.upper()}" for name in Settings.model_fields} | set(keys)


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("SWARMD_PORT", "a whole number from 0 to 65,535", "`8000`"),
        ("SWARMD_BREAKER_RECOVERY_S", "a number above 0 to 3,600", "`10`"),
        ("SWARMD_METRICS", "`true`, `false`", "`true`"),
        ("SWARMD_LOG_FORMAT", "`auto`, `json`, `console`", "`auto`"),
        ("SWARMD_DATA_DIR", "a path", "`.swarmd`"),
        ("SWARMD_OTLP_ENDPOINT", "text", ""),
        ("SWARMD_PROVIDERS", "tables, see below", ""),
        ("SWARMD_MCP", "tables, see below", ""),
        ("input_per_mtok", "a number from 0 to 100,000", "required"),
        ("vision", "`true`, `false` or a list", ""),
    ],
)
def test_a_row_says_what_may_be_given_and_what_holds_without(name: str, value: str, default: str) -> None:
    assert row(name)[1:3] == [value, default]


def test_what_holds_a_key_is_marked_for_it_is_no_flag() -> None:
    marked = set(re.findall(r"^\| `(SWARMD_\w+)`\* \| ", reference(), re.MULTILINE))

    assert marked >= {"SWARMD_PROVIDER_API_KEY", "SWARMD_PROVIDERS", "SWARMD_BRAVE_API_KEY"}
    assert "SWARMD_PORT" not in marked


def test_it_is_written_to_a_file(tmp_path: Path) -> None:
    settings(tmp_path / "settings.md")

    assert (tmp_path / "settings.md").read_text(encoding="utf-8") == reference()
