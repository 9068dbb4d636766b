"""What may be configured of MCP servers, and the names that their tools get."""

from __future__ import annotations

from typing import Any

import pytest

from app.tools.mcp_servers.configuration import McpServerConfig, check_together
from app.tools.mcp_servers.naming import public_names


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "a b"}, "mcp: expected a name"),
        ({"name": "a" * 33}, "mcp: expected a name"),
        ({"command": ()}, "mcp.a: expected either command or url"),
        ({"url": "http://127.0.0.1/mcp"}, "mcp.a: expected either command or url"),
        ({"command": ("",)}, "mcp.a.command: "),
        ({"command": ("x", "\0")}, "mcp.a.command: "),
        ({"command": (), "url": "file:///etc/passwd"}, "mcp.a.url: "),
        ({"command": (), "url": "https:///mcp"}, "mcp.a.url: "),
        ({"headers": {"X": "y"}}, "mcp.a.headers: "),
        ({"command": (), "url": "http://h/", "env": {"X": "y"}}, "mcp.a.env: "),
        ({"env": {"A=B": "y"}}, "mcp.a.env: "),
        ({"timeout_s": 0}, "mcp.a.timeout_s: "),
        ({"timeout_s": float("nan")}, "mcp.a.timeout_s: "),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match="mcp") as caught:
        McpServerConfig(**{"name": "a", "command": ("program",)} | wrong)

    assert str(caught.value).startswith(named)


def test_keys_of_a_server_are_not_shown() -> None:
    configured = McpServerConfig(name="a", url="https://h/", headers={"Authorization": "Bearer s3cret"})

    assert "s3cret" not in repr(configured)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a_b"), ("a_b", "a")])
def test_servers_whose_tools_could_have_the_same_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="could have the same names"):
        check_together(McpServerConfig(name=name, command=("program",)) for name in names)


def test_servers_with_names_of_their_own_go_together() -> None:
    together = check_together(McpServerConfig(name=name, command=("program",)) for name in ("a", "ab", "b_a"))

    assert [one.name for one in together] == ["a", "ab", "b_a"]


def test_a_tool_is_called_by_its_server_and_its_name() -> None:
    assert public_names("git", ["log", "dotted.name", "größe"], ()) == {
        "log": "git_log",
        "dotted.name": "git_dotted_name",
        "größe": "git_gr__e",
    }


def test_names_are_unique_and_do_not_depend_on_the_order_of_a_list() -> None:
    tools = ["a.b", "a b", "a_b", "x" * 80, "x" * 81]

    names = public_names("s", tools, ())

    assert names["a_b"] == "s_a_b"
    assert len(set(names.values())) == len(tools)
    assert all(len(name) <= 64 for name in names.values())
    assert public_names("s", reversed(tools), ()) == names


def test_a_name_of_another_tool_of_the_service_is_never_taken() -> None:
    names = public_names("http", ["fetch", "post"], {"http_fetch"})

    assert names["post"] == "http_post"
    assert names["fetch"].startswith("http_fetch_")
