"""Arguments of tool calls as models write them: checked, answered where they are wrong, never mended."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support.tool_running import answer
from tests.support.tools import Probe

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"n": 1', None),
        ("", "n"),
        ("{}", "n"),
        ('{"n": "one"}', "integer"),
        ('{"n": -1}', "0"),
        ('{"n": 1, "path": "/etc/passwd"}', "path"),
        ("[1]", None),
        ("null", None),
        ('"n"', None),
        ('{"n": 1e400}', None),
        ('{"n": NaN}', None),
        ("[" * 100_000, None),
        ("\ud800", None),
    ],
    ids=[
        *("cut off", "nothing", "an empty object", "another type", "out of range", "one too many", "a list", "null"),
        *("a text", "beyond any number", "no number", "deep", "half a character"),
    ],
)
async def test_wrong_arguments_are_answered_and_nothing_is_run(arguments: str, said: str | None) -> None:
    probe = Probe()

    told = await answer(probe, arguments)

    assert probe.runs == []
    assert told.startswith("Error: the arguments of probe are ")
    assert told.endswith("Make the call again.")
    assert said is None or said in told
    assert len(told.encode()) < 4_000


@pytest.mark.parametrize(
    "arguments",
    [
        '{"rows": [1, 2',
        '{"rows": [1], "more": "te',
        "{bad",
        'I want {"rows": [1]} now',
        "{'rows': [1]}",
        '{"rows": [1],}',
    ],
)
async def test_arguments_are_not_mended_as_answers_are(arguments: str) -> None:
    """Cut off at the model's last token, half of what was meant would be written."""
    probe = Probe(parameters={"type": "object"})

    told = await answer(probe, arguments)

    assert probe.runs == []
    assert told.startswith("Error: the arguments of probe are not JSON: ")
    assert told.endswith("Make the call again.")


async def test_no_arguments_are_an_empty_object() -> None:
    probe = Probe(parameters={"type": "object", "properties": {}})

    assert await answer(probe, "") == "probe of None"


async def test_arguments_are_an_object_even_where_the_tool_asks_for_nothing() -> None:
    probe = Probe(parameters={})

    assert await answer(probe, "[1]") == "Error: the arguments of probe are not a JSON object. Make the call again."
    assert probe.runs == []


async def test_a_tool_that_describes_its_arguments_wrongly_is_a_fault_of_the_service() -> None:
    probe = Probe(parameters={"type": "no such type"})

    with capture_logs() as logs:
        told = await answer(probe)

    assert told == "Error: probe cannot be used: its parameters are described wrongly."
    assert [(entry["event"], entry["tool"]) for entry in logs] == [("tool_schema_invalid", "probe")]
    assert probe.runs == []
