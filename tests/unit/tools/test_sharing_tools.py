"""The tools for shared memory, messages and artifacts: for whom they act is never the model's to say."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from app.blobs.directory import DirectoryBlobs
from app.dispatch.local import LocalDoorbell
from app.ports.artifacts import ArtifactCaps
from app.ports.memory import MAX_KEY_CHARS, MAX_VALUE_BYTES, MemoryCaps
from app.ports.messages import QueueCaps
from app.ports.tools import Tool, ToolContext, ToolRefused, ToolResult
from app.services.artifacts import ArtifactService
from app.services.memory import MemoryService
from app.services.messages import MessageService
from app.storage.engine import open_database
from app.telemetry.system import SystemClock
from app.tools.artifacts import SaveArtifact
from app.tools.memory import MemoryRead, MemoryWrite
from app.tools.messages import ReceiveMessages, SendMessage
from tests.support.databases import place_database
from tests.support.runs import new_swarm
from tests.support.sharing import context

pytestmark = pytest.mark.anyio

SWARM = new_swarm({"t0": [], "t1": []})
SWARM_ID = SWARM.state.swarm_id
ME, OTHER = context(SWARM_ID, 0), context(SWARM_ID, 1)


@dataclass(frozen=True)
class Toolbox:
    read: MemoryRead
    write: MemoryWrite
    send: SendMessage
    receive: ReceiveMessages
    save: SaveArtifact
    artifacts: ArtifactService


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Toolbox]:
    async with open_database(place_database(tmp_path / "x.db")) as database:
        await database.swarms.create(SWARM)
        clock = SystemClock()
        memory = MemoryService(database.memory, clock, MemoryCaps())
        bus = MessageService(database.messages, LocalDoorbell(), clock, QueueCaps(max_messages=3))
        blobs = DirectoryBlobs(tmp_path / "x.blobs")
        artifacts = ArtifactService(database.artifacts, blobs, clock, ArtifactCaps(max_bytes=100, max_artifacts=3))
        yield Toolbox(
            MemoryRead(memory),
            MemoryWrite(memory),
            SendMessage(bus),
            ReceiveMessages(bus),
            SaveArtifact(artifacts),
            artifacts,
        )


async def run(tool: Tool, who: ToolContext = ME, **arguments: Any) -> Any:
    jsonschema.validate(arguments, tool.spec.parameters)
    return json.loads((await tool.run(who, arguments)).content)


def call(number: int, who: ToolContext = ME) -> ToolContext:
    return replace(who, run_key=f"call {number}")


async def test_every_schema_is_one_and_takes_nothing_unheard_of(tools: Toolbox) -> None:
    for tool in (tools.read, tools.write, tools.send, tools.receive, tools.save):
        jsonschema.Draft202012Validator.check_schema(tool.spec.parameters)
        assert tool.spec.parameters["additionalProperties"] is False
        assert tool.unavailable() is None
        for smuggled in ("agent_id", "swarm_id", "tenant_id", "sender", "run_key", "task_id"):
            assert smuggled not in tool.spec.parameters["properties"]


async def test_what_one_sub_agent_writes_another_of_its_orchestrator_reads(tools: Toolbox) -> None:
    assert await run(tools.read, key="plan") == {"key": "plan", "found": False, "version": 0}
    assert await run(tools.write, key="plan", value={"a": [1]}) == {"key": "plan", "version": 1}
    await run(tools.write, key="other", value=1)

    assert await run(tools.read, OTHER, key="plan") == {"key": "plan", "found": True, "version": 1, "value": {"a": [1]}}
    assert await run(tools.read, OTHER, prefix="pl") == {
        "keys": [{"key": "plan", "version": 1, "bytes": 13}],
        "next": None,
    }
    stranger = replace(ME, agent_id="agt_b")
    assert await run(tools.read, stranger) == {"keys": [], "next": None}
    assert (await run(tools.read, stranger, key="plan"))["found"] is False


async def test_a_model_that_asks_for_anothers_memory_gets_its_own(tools: Toolbox) -> None:
    """The attack works where the orchestrator is an argument, as a poisoned document would have the model send."""
    stranger = replace(ME, agent_id="agt_b")
    await run(tools.write, stranger, key="secret", value="theirs")
    poisoned = {"key": "secret", "agent_id": "agt_b", "tenant_id": "default"}

    async def naive(arguments: dict[str, Any]) -> ToolResult:
        return await tools.read.run(replace(ME, agent_id=arguments["agent_id"]), {"key": arguments["key"]})

    assert "theirs" in (await naive(poisoned)).content
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(poisoned, tools.read.spec.parameters)
    assert "theirs" not in (await tools.read.run(ME, poisoned)).content


async def test_a_conflict_tells_the_model_what_is_there(tools: Toolbox) -> None:
    await run(tools.write, key="n", value=1)

    result = await tools.write.run(call(2), {"key": "n", "value": 2, "if_version": 0})

    assert result.is_error
    said = json.loads(result.content)
    assert (said["version"], said["value"]) == (1, 1)
    assert await run(tools.write, call(3), key="n", value=2, if_version=1) == {"key": "n", "version": 2}


async def test_a_write_that_a_crash_cut_off_succeeds_when_it_is_repeated(tools: Toolbox) -> None:
    first = await tools.write.run(ME, {"key": "n", "value": 1, "if_version": 0})

    assert await tools.write.run(ME, {"key": "n", "value": 1, "if_version": 0}) == first
    assert not first.is_error


async def test_what_can_be_written_can_be_read_whole(tools: Toolbox) -> None:
    """Cut, it would be no JSON, and there is no way to the rest."""
    value = "x" * (MAX_VALUE_BYTES - 2)
    await run(tools.write, key="\u00fc" * MAX_KEY_CHARS, value=value)

    told = (await tools.read.run(ME, {"key": "\u00fc" * MAX_KEY_CHARS})).content

    assert len(told) <= tools.read.spec.max_output_chars
    assert json.loads(told)["value"] == value


async def test_a_write_repeated_after_a_crash_does_not_undo_what_others_wrote_since(tools: Toolbox) -> None:
    first = await tools.write.run(ME, {"key": "n", "value": "mine"})
    await run(tools.write, call(2, OTHER), key="n", value="theirs, newer")

    assert await tools.write.run(ME, {"key": "n", "value": "mine"}) == first
    assert (await run(tools.read, key="n"))["value"] == "theirs, newer"


async def test_a_message_arrives_once_though_its_send_and_its_receipt_are_repeated(tools: Toolbox) -> None:
    sent = [await run(tools.send, to="t1", message="hello") for _ in range(2)]
    got = [await run(tools.receive, call(1, OTHER)) for _ in range(2)]

    assert sent == [{"sent": True, "position": 1, "sender_seq": 1}] * 2
    assert [message["message"] for message in got[0]["messages"]] == ["hello"]
    assert got[0]["messages"][0]["from"] == ME.sub_agent_id
    assert got[1] == got[0], "a call that is repeated after a crash gets what it got"
    assert await run(tools.receive, call(2, OTHER)) == {"messages": []}


async def test_a_second_receipt_in_one_turn_is_told_to_wait_for_the_next(tools: Toolbox) -> None:
    await run(tools.send, to="t1", message="hello")
    calls = [replace(OTHER, run_key=f"{SWARM_ID}/1/5/call_{number}") for number in range(2)]

    assert len((await run(tools.receive, calls[0]))["messages"]) == 1
    with pytest.raises(ToolRefused, match="in your next turn"):
        await run(tools.receive, calls[1])


async def test_topics_are_read_by_every_sub_agent_for_itself(tools: Toolbox) -> None:
    await run(tools.send, topic="news", message=1)

    for who in (ME, OTHER):
        assert [message["message"] for message in (await run(tools.receive, who, topic="news"))["messages"]] == [1]
    assert await run(tools.receive, call(2), topic="news") == {"messages": []}
    assert await run(tools.receive, call(3)) == {"messages": []}


@pytest.mark.parametrize(
    "arguments",
    [
        {"message": 1},
        {"message": 1, "to": "t1", "topic": "t"},
        {"message": 1, "to": "nobody"},
        {"message": "x" * 70_000},
    ],
)
async def test_what_cannot_be_sent_is_refused_in_words_for_the_model(tools: Toolbox, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolRefused):
        await run(tools.send, **arguments)


async def test_a_full_queue_is_refused_in_words_for_the_model(tools: Toolbox) -> None:
    for number in range(3):
        await run(tools.send, call(number), to="t1", message=number)

    with pytest.raises(ToolRefused, match="take all their room"):
        await run(tools.send, call(3), to="t1", message=3)


async def test_a_save_is_one_version_however_often_it_is_repeated(tools: Toolbox) -> None:
    saved = [await tools.save.run(ME, {"name": "r.csv", "content": "a"}) for _ in range(2)]
    binary = base64.b64encode(b"\x00\xff").decode()
    other = await run(tools.save, call(2), name="b.bin", content=binary, encoding="base64", media_type="X/Y")

    assert saved[0] == saved[1]
    assert isinstance(saved[0], ToolResult)
    assert (other["bytes"], other["media_type"]) == (2, "x/y")
    rows = await tools.artifacts.of_tasks(SWARM_ID, None)
    assert [(row.name, row.version, row.task_id) for row in rows] == [("b.bin", 1, "t0"), ("r.csv", 1, "t0")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "../x", "content": "a"},
        {"name": "/x", "content": "a"},
        {"name": "x", "content": "a" * 101},
        {"name": "x", "content": "%%%", "encoding": "base64"},
        {"name": "x", "content": "a", "media_type": "text/html\r\nSet-Cookie: x"},
        {"name": "x", "content": "\ud800"},
    ],
)
async def test_what_cannot_be_saved_is_refused_and_nothing_is_kept(tools: Toolbox, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolRefused):
        await run(tools.save, **arguments)

    assert await tools.artifacts.of_tasks(SWARM_ID, None) == []
