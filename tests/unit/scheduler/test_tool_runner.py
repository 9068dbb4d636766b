"""Tools run for a model: only what its task may call, under limits of their own; what fails is told to the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.ports.tools import ToolContext, ToolRefused, ToolResult
from app.tools.registry import Registry
from tests.support.driving import until
from tests.support.tool_running import CONTEXT, answer, answers, call, runner
from tests.support.tools import Probe, hanging

pytestmark = pytest.mark.anyio

# --- what is run -----------------------------------------------------------------------------------------------------


async def test_each_call_is_answered_by_its_id() -> None:
    one, two = Probe("one"), Probe("two")

    told = await answers([one, two], call("two", '{"n":7}', "b"), call("one", '{"n":8}', "a"))

    assert told == {"b": "two of 7", "a": "one of 8"}
    assert (one.given, two.given) == ([8], [7])


async def test_a_tool_is_told_for_whom_it_runs_and_which_run_it_is() -> None:
    probe = Probe()

    await answers([probe], call(call_id="a"), call(call_id="b"))

    [(first, _), (second, _)] = probe.runs
    assert [first.run_key, second.run_key] == ["swm_1/3/5/a", "swm_1/3/5/b"]
    assert (first.tenant_id, first.agent_id, first.task_id, first.sub_agent_id) == ("tnt_1", "agt_1", "t3", "swm_1/3")


async def test_a_call_is_made_again_under_the_same_key() -> None:
    """So that a tool which does something once can tell, after a crash, that it did it."""
    probe = Probe()
    tools = runner(probe)

    for _ in range(2):
        await tools.run_all(CONTEXT, ["probe"], [call()], 60.0)

    assert probe.runs[0] == probe.runs[1]


async def test_a_tool_has_no_more_time_than_its_sub_agent() -> None:
    slow, quick = Probe("slow", behaviour=hanging), Probe("quick")

    told = await answers([slow, quick], call("slow", call_id="a"), call("quick", call_id="b"), within_s=0.02)

    assert told == {"a": "Error: slow did not end within 0.02 s and was stopped.", "b": "quick of 1"}
    assert (slow.cancelled, slow.running) == (1, 0)


async def test_no_call_is_no_answer() -> None:
    assert await answers([Probe()]) == {}


# --- permission ------------------------------------------------------------------------------------------------------


async def test_a_tool_that_is_not_listed_is_not_run_whatever_the_model_says() -> None:
    listed, other = Probe("listed"), Probe("other")
    naive = Registry([listed, other]).find("other")
    assert naive is not None  # a check that asks only whether there is such a tool would run it

    told = await answers([listed, other], call("other"), allowed=["listed"])

    assert other.runs == []
    assert told == {"c1": "Error: you may not call a tool 'other'; your tools are: listed."}


async def test_a_task_without_tools_runs_none() -> None:
    probe = Probe()

    told = await answers([probe], call(), allowed=[])

    assert probe.runs == []
    assert told["c1"].endswith("your tools are: none.")


@pytest.mark.parametrize("name", ["nothing", "", "x" * 100_000, "../probe", "PROBE", "probe ", "pr\u00f6be", "\ud800"])
async def test_a_name_that_is_no_tool_is_answered_in_few_words(name: str) -> None:
    probe = Probe()

    told = await answers([probe], call(name), allowed=["probe"])

    assert probe.runs == []
    assert told["c1"].startswith("Error: you may not call a tool")
    assert "your tools are: probe." in told["c1"]
    assert len(told["c1"]) < 500
    told["c1"].encode()


async def test_a_listed_name_that_the_service_does_not_have_is_answered() -> None:
    told = await answers([Probe()], call("code_interpreter"), allowed=["code_interpreter"])

    assert told["c1"].startswith("Error: you may not call a tool 'code_interpreter'")


async def test_a_tool_that_cannot_be_used_here_says_why() -> None:
    probe = Probe()
    probe.reason = "no search engine is configured"

    assert await answer(probe) == "Error: probe cannot be used here: no search engine is configured"
    assert probe.runs == []


# --- what goes wrong within ------------------------------------------------------------------------------------------


async def test_a_tool_that_does_not_end_is_stopped_and_the_others_answer() -> None:
    slow, quick = Probe("slow", hanging, timeout_s=0.02), Probe("quick")

    told = await answers([slow, quick], call("slow", call_id="s"), call("quick", call_id="q"))

    assert told == {"s": "Error: slow did not end within 0.02 s and was stopped.", "q": "quick of 1"}
    assert (slow.cancelled, slow.running) == (1, 0)


async def test_a_refusal_is_told_in_the_tool_s_own_words_and_is_no_fault() -> None:
    async def refuse(_: ToolContext, __: Mapping[str, Any]) -> str:
        raise ToolRefused("there is no page 9; the document has 3")

    with capture_logs() as logs:
        told = await answer(Probe(behaviour=refuse))

    assert (told, logs) == ("Error: there is no page 9; the document has 3", [])


async def test_an_error_result_is_marked_as_one() -> None:
    async def fail(_: ToolContext, __: Mapping[str, Any]) -> ToolResult:
        return ToolResult(content="exit status 1", is_error=True)

    assert await answer(Probe(behaviour=fail)) == "Error: exit status 1"


async def test_a_crash_is_logged_and_tells_the_model_nothing_of_the_service() -> None:
    async def crash(_: ToolContext, __: Mapping[str, Any]) -> str:
        raise RuntimeError("password=hunter2")

    crashing, fine = Probe("crashing", crash), Probe("fine")
    with capture_logs() as logs:
        told = await answers([crashing, fine], call("crashing", call_id="a"), call("fine", call_id="b"))

    assert told == {"a": "Error: crashing failed: a fault of the service; see its log.", "b": "fine of 1"}
    assert [(entry["event"], entry["tool"], entry["task_id"]) for entry in logs] == [("tool_crashed", "crashing", "t3")]


async def test_a_tool_that_lets_a_cancellation_of_its_own_escape_has_failed() -> None:
    """A library may do so; taken for a cancel of the attempt, the sub-agent would wait for ever."""

    async def cancelled(_: ToolContext, __: Mapping[str, Any]) -> str:
        raise asyncio.CancelledError

    told = await answers([Probe("odd", cancelled), Probe("fine")], call("odd", call_id="a"), call("fine", call_id="b"))

    assert told["a"].startswith("Error: odd failed")
    assert told["b"] == "fine of 1"


async def test_what_is_no_result_is_a_fault_of_the_tool() -> None:
    class Wrong(Probe):
        async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> Any:
            return None

    class Bytes(Probe):
        async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> Any:
            content: Any = b"bytes"
            return ToolResult(content=content)

    told = await answers([Wrong("a"), Bytes("b")], call("a", call_id="a"), call("b", call_id="b"))

    assert {name: text.partition(":")[0] for name, text in told.items()} == {"a": "Error", "b": "Error"}


async def test_a_tool_that_cannot_say_whether_it_can_be_used_has_failed() -> None:
    class Broken(Probe):
        def unavailable(self) -> str | None:
            raise OSError("no such device")

    assert (await answer(Broken())).startswith("Error: probe failed")


# --- what is told ----------------------------------------------------------------------------------------------------


async def saying(text: str, limit: int) -> str:
    async def say(_: ToolContext, __: Mapping[str, Any]) -> str:
        return text

    return await answer(Probe(behaviour=say, max_output_chars=limit))


async def test_a_result_above_its_cap_is_cut_and_says_so() -> None:
    told = await saying("x" * 5_000, 1_000)

    marker = "\n[shortened: the result has 5000 characters]"
    assert told == "x" * (1_000 - len(marker)) + marker
    assert await saying("x" * 1_000, 1_000) == "x" * 1_000


async def test_a_refusal_is_cut_like_a_result() -> None:
    async def refuse(_: ToolContext, __: Mapping[str, Any]) -> str:
        raise ToolRefused("y" * 1_000_000)

    assert len(await answer(Probe(behaviour=refuse, max_output_chars=1_000))) <= 1_000


async def test_what_no_utf_8_holds_is_replaced() -> None:
    async def refuse(_: ToolContext, __: Mapping[str, Any]) -> str:
        raise ToolRefused("no file \ud800")

    assert await saying("a\ud800b\u00e4", 100) == "a?b\u00e4"
    assert await answer(Probe(behaviour=refuse)) == "Error: no file ?"


# --- at once ---------------------------------------------------------------------------------------------------------


async def test_the_calls_of_one_turn_run_together() -> None:
    met = asyncio.Barrier(5)

    async def meet(_: ToolContext, __: Mapping[str, Any]) -> None:
        await met.wait()  # which one after the other never would

    probe = Probe(behaviour=meet)
    told = await answers([probe], *(call(call_id=f"c{nth}") for nth in range(5)))

    assert (len(told), probe.most_running) == (5, 5)


async def test_a_tool_runs_as_often_at_once_as_it_may_over_all_sub_agents() -> None:
    go_on = asyncio.Event()

    async def wait(_: ToolContext, __: Mapping[str, Any]) -> None:
        await go_on.wait()

    narrow, wide = Probe("narrow", wait, concurrency=2), Probe("wide", wait)
    tools = runner(narrow, wide)
    calls = [call("narrow", call_id=f"n{nth}") for nth in range(3)] + [call("wide", call_id="w")]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        turns = [group.create_task(tools.run_all(CONTEXT, ["narrow", "wide"], calls, 60.0)) for _ in range(2)]
        await until(lambda: (narrow.running, wide.running) == (2, 2))
        go_on.set()

    assert all(len(turn.result()) == 4 for turn in turns)
    assert (len(narrow.runs), narrow.most_running, wide.most_running) == (6, 2, 2)


async def test_waiting_for_others_is_no_time_of_a_run() -> None:
    async def brief(_: ToolContext, __: Mapping[str, Any]) -> None:
        await asyncio.sleep(0.1)

    probe = Probe(behaviour=brief, concurrency=1, timeout_s=0.39)

    told = await answers([probe], *(call(call_id=f"c{nth}") for nth in range(5)))

    assert set(told.values()) == {"probe of 1"}  # the last one waited for longer than it may take


async def test_a_cancel_stops_all_and_leaves_nothing() -> None:
    probe, narrow = Probe("probe", hanging), Probe("narrow", hanging, concurrency=1)
    calls = [call(call_id="a"), call(call_id="b"), call("narrow", call_id="c"), call("narrow", call_id="d")]
    tools = runner(probe, narrow)
    before = asyncio.all_tasks()
    turn = asyncio.create_task(tools.run_all(CONTEXT, ["probe", "narrow"], calls, 60.0))
    await until(lambda: (probe.running, narrow.running) == (2, 1))

    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn

    assert (probe.running, probe.cancelled, narrow.running, len(narrow.runs)) == (0, 2, 0, 1)
    assert asyncio.all_tasks() == before
    after = asyncio.create_task(tools.run_all(CONTEXT, ["narrow"], [call("narrow")], 60.0))
    await until(lambda: narrow.running == 1)  # its slot is free again
    after.cancel()
    with pytest.raises(asyncio.CancelledError):
        await after
