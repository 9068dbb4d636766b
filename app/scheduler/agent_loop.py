"""The loop of a sub-agent: which call its journal asks for next, and what an answer means.

A task's call gives its output, unless the output has to match a schema (then a mismatch is shown to the model once, for
repair) or a judge scores it (then that is a call of its own). A planner's calls give tasks. Nothing here waits, stores
or retries: an answer becomes an outcome, and ``domain.attempts`` decides what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.domain import turns
from app.domain.budget import CHARS_PER_TOKEN
from app.domain.journal import REPAIR, TOOLS, VERDICT, next_model
from app.domain.parts import expected_tokens, pictures_of, words_of
from app.domain.rerouting import ROUTE, role_of
from app.domain.roles import canonical
from app.domain.task import TaskKind
from app.ports.dispatch import Job
from app.ports.output_schemas import Checked, Mismatch, OutputSchemas
from app.ports.provider import ChatRequest, ChatResult, JsonObject, Route
from app.ports.tools import Tools
from app.scheduler import conversation, judging, structured, tool_calls
from app.scheduler.calls import MAX_QUOTED_CHARS, Call, content_of, json_text, mismatch, purpose_of
from app.scheduler.conversation import Done, GoOn, Outcome, Wanting
from app.scheduler.planners import Planners
from app.scheduler.prompts import messages, shorten
from app.scheduler.retelling import MAX_NAME_CHARS

DEFAULT_THRESHOLD = 0.7

_SHOWN = 5

_CHARS_PER_TOKEN = 4
"""As for the context window of a client: a rule of thumb."""

_USUAL_CONTEXT_TOKENS = 131_072


class AgentLoop:
    """Args:
    schemas: compiles the schemas that outputs have to match.
    tools: all there are; a task is offered those it lists.
    """

    def __init__(self, schemas: OutputSchemas, tools: Tools) -> None:
        self._schemas = schemas
        self._tools = tools
        self._planners = Planners(schemas)

    def model_of(self, job: Job) -> str | None:
        """Return the model of the next call, which for a judge need not be the task's own."""
        if not job.journal or job.spec.validation is None:
            return job.model
        return next_model(job.spec, orjson.loads(job.journal[-1])) or job.model

    def next_call(self, job: Job, route: Route) -> Call:
        """Return the call that the job's journal asks for."""
        payload: dict[str, Any] = orjson.loads(job.payload)
        talk = conversation.read(job.journal) if job.journal else conversation.NEW
        purpose = purpose_of(talk)
        if job.kind is TaskKind.PLANNER:
            return self._planners.next_call(job, route, payload, talk, purpose)
        inputs = {task_id: orjson.loads(output) for task_id, output in job.inputs.items()}
        if "inputs_bytes" in payload:
            inputs = shorten(inputs, payload["inputs_bytes"])
        schema = payload.get("output_schema")  # {} is one, too: any JSON
        if schema is None and job.kind is TaskKind.TASK:
            schema = job.spec.output_schema
        thinking = (payload.get(ROUTE) or {}).get("thinking")
        heed = "" if talk.rejected is None else _review(talk.rejected)
        heed += "" if schema is None else structured.instructions(schema)
        listed = _tools_of(job, payload)
        heed += tool_calls.absent(listed, self._tools) if listed else ""
        asked = messages(job.spec, job.task_id, payload, inputs, role_prompt=_role_prompt(job, payload), heed=heed)
        question = words_of(asked[-1]["content"])
        tools = tool_calls.offered(listed, payload, talk.records, self._tools)
        asked += tool_calls.told(talk.records, _room(job, route, asked))
        name = "output"
        if purpose == REPAIR:
            assert talk.last is not None
            asked += structured.repair_messages(talk.last["content"], talk.last["errors"])
        elif purpose == VERDICT:
            assert talk.last is not None
            assert job.spec.validation is not None
            schema, name, thinking = judging.VALIDATION_SCHEMA, judging.VALIDATION_NAME, None
            output = orjson.loads(talk.last["output"])
            task: Any = {
                "prompt": words_of(prompt) if isinstance(prompt := payload.get("prompt"), list) else prompt,
                "data": payload.get("data"),
                "inputs": inputs,
            }
            if len(question) > MAX_QUOTED_CHARS:
                task = question[:MAX_QUOTED_CHARS]
            prompt = judging.validation_prompt(job.spec.validation["rubric"], task, output)
            asked, tools = [{"role": "user", "content": prompt}], []
        request = ChatRequest(
            model=route.model,
            messages=asked,
            max_output_tokens=payload.get("max_output_tokens") or job.spec.max_output_tokens,
            timeout_s=job.timeout_s,
            tools=tools,
            response_format=None if schema is None else structured.response_format(schema, route.structured, name),
            options={} if thinking is None else route.thinking_options(thinking, tools=bool(tools)),
        )
        return Call(request=request, purpose=purpose, payload=payload, talk=talk, schema=schema)

    def read(self, job: Job, call: Call, result: ChatResult) -> Outcome:
        """Return what an answer means; an answer above some 100 KB to a schema is better read in a thread.

        Raises:
            NotStorable: see there.
        """
        if job.kind is TaskKind.PLANNER:
            return self._planners.read(job, call, result)
        if result.tool_calls and (wanting := self._calls_of(job, call, result)) is not None:
            return wanting
        content = content_of(result)
        if call.purpose == VERDICT:
            return self._verdict(job, call, content)
        if call.schema is None:
            output = json_text(content)
        else:
            checked = self._schemas.compile(call.schema).check(content)
            if isinstance(checked, Mismatch):
                return mismatch(call, content, checked.errors)
            output = checked.text
        if job.spec.validation is not None and job.kind is TaskKind.TASK:
            record = {"kind": call.purpose, "content": content, "output": output, "model": result.model}
            return GoOn(record=record, next_model=job.spec.validation.get("model"))
        return Done(output=output)

    def _calls_of(self, job: Job, call: Call, result: ChatResult) -> Outcome | None:
        """Return what follows of an answer that calls tools; None where its words are the answer."""
        listed = call.purpose != VERDICT and _tools_of(job, call.payload)
        if listed and not tool_calls.over(call.payload, call.talk.records):
            return GoOn(record=tool_calls.record_of(result), next_model=TOOLS)
        if (result.content or "").strip():
            return None
        if listed:
            return Wanting(kind="max_steps", message=_STILL_CALLING, retryable=False)
        names = ", ".join(dict.fromkeys(one.name[:MAX_NAME_CHARS] for one in result.tool_calls[:_SHOWN]))
        return Wanting(kind="no_such_tool", message=f"the model called tools that it was not offered: {names}")

    # --- a judge -----------------------------------------------------------------------------------------------------

    def _verdict(self, job: Job, call: Call, content: str) -> Outcome:
        checked = self._schemas.compile(True).check(content)
        try:
            verdict = judging.read_verdict(checked.value if isinstance(checked, Checked) else None)
        except judging.InvalidVerdict as exc:
            return Wanting(kind="malformed_verdict", message=f"the validator's answer is no verdict: {exc}")
        assert call.talk.last is not None
        assert job.spec.validation is not None
        output: str = call.talk.last["output"]
        threshold = job.spec.validation.get("threshold", DEFAULT_THRESHOLD)
        if verdict.score >= threshold:
            return Done(output=output, score=verdict.score, model=call.talk.last.get("model"))
        record = {
            "kind": VERDICT,
            "over": True,
            "output": output,
            "score": verdict.score,
            "critique": verdict.critique,
        }
        said = f": {verdict.critique}" if verdict.critique else ""
        message = f"the validator gave {verdict.score:g}, below the threshold of {threshold:g}{said}"
        return Wanting(kind="validation_failed", message=message, record=record)


_STILL_CALLING = "the sub-agent still calls tools after its last step (max_steps)"


def _tools_of(job: Job, payload: Mapping[str, Any]) -> Sequence[str]:
    return tool_calls.listed(job.spec, payload) if job.kind is TaskKind.TASK else ()


def _room(job: Job, route: Route, asked: Sequence[JsonObject]) -> int:
    """How many characters of tool calls and their results fit beside what is asked."""
    said = sum(map(_chars, asked))
    if job.spec.context_window is not None:
        return max(job.spec.context_window * _CHARS_PER_TOKEN - said, 0)
    tokens = route.context_tokens or _USUAL_CONTEXT_TOKENS
    return max((tokens - job.spec.max_output_tokens) * CHARS_PER_TOKEN - said, 0)


def _chars(message: JsonObject) -> int:
    content = message["content"]
    if isinstance(content, str):
        return len(content)
    return len(words_of(content)) + expected_tokens(pictures_of(content)) * _CHARS_PER_TOKEN


def _role_prompt(job: Job, payload: Mapping[str, Any]) -> str | None:
    own: str | None = payload.get(turns.AGENT_PROMPT)
    if own is not None:
        return own
    name = role_of(payload, job.failures, job.spec.reroute_after)
    if name is None:
        return None
    role = job.spec.roles.get(name) or job.spec.roles.get(canonical(name))
    return None if role is None else role["system_prompt"]


def _review(rejected: Mapping[str, Any]) -> str:
    verdict = judging.Verdict(score=rejected["score"], critique=rejected["critique"])
    return judging.critique_section(orjson.loads(rejected["output"]), verdict)
