"""One sub-agent with tools, without a run."""

from __future__ import annotations

from typing import Any

from app.outputs.json_schema import JsonSchemas
from app.scheduler.agent_loop import AgentLoop
from app.scheduler.calls import json_record
from app.scheduler.conversation import GoOn, Outcome
from app.tools.registry import Registry
from tests.support.agents import Agent
from tests.support.tools import Probe, answer_of, calling


class Worker(Agent):
    """A sub-agent with tools; what its calls gave is said by the test."""

    def __init__(
        self, payload: dict[str, Any] | None = None, *, tools: list[Probe] | None = None, **fields: Any
    ) -> None:
        super().__init__({"prompt": "Do it.", "tools": ["probe"]} if payload is None else payload, **fields)
        self.tools = [Probe()] if tools is None else tools
        self.loop = AgentLoop(JsonSchemas(), Registry(self.tools))

    def call_tools(self, *made: Any, **fields: Any) -> Outcome:
        return self.answer(answer_of(*made, **fields))

    def results(self, **told: str) -> None:
        self.journal.append(json_record({"kind": "results", "results": told}))

    def work(self, said: str = "one") -> None:
        """One round: a call of the tool, and its result."""
        assert isinstance(self.call_tools(calling("probe")), GoOn)
        self.results(c1=said)

    @property
    def offered(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.ask().request.tools]
