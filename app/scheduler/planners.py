"""The calls of planners: a supervisor's plan, an orchestrator's turns; and the tasks that come of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from app.domain import turns
from app.domain.budget import ATTACHMENTS, document_chars
from app.domain.journal import REPAIR, TURN
from app.domain.parts import pictures_of
from app.domain.plan import PLAN_NAME, InvalidPlan, parse_plan, plan_schema
from app.domain.plan_documents import TooManyDocuments, expand
from app.domain.planned import Attachment, PlannedTask
from app.domain.swarm import ORCHESTRATOR, SwarmSpec
from app.ports.dispatch import Job
from app.ports.output_schemas import Checked, Mismatch, OutputSchemas
from app.ports.provider import ChatRequest, ChatResult, JsonObject, Route
from app.scheduler import conversation, planning, structured
from app.scheduler.calls import (
    MAX_QUOTED_CHARS,
    Call,
    content_of,
    json_record,
    json_text,
    mismatch,
)
from app.scheduler.conversation import Conversation, Done, GoOn, Outcome, Wanting
from app.scheduler.prompts import system_messages
from app.scheduler.retelling import share_of, spoken_chars, told_again

MAX_TURNS = 50
"""Turns of an orchestrator; the last one is made without tools, so that it answers."""

_CHARS_PER_TOKEN = 2
_USUAL_CONTEXT_TOKENS = 131_072
_NO_RESULT = "The task failed and has no result. Assign it anew, differently, or answer without it."


class Planners:
    """Args:
    schemas: compiles the schema of the final answer.
    """

    def __init__(self, schemas: OutputSchemas) -> None:
        self._schemas = schemas

    def next_call(self, job: Job, route: Route, payload: dict[str, Any], talk: Conversation, purpose: str) -> Call:
        spec = job.spec
        goal = _goal_of(spec, payload)
        notes = [planning.AttachmentNote.of(attachment) for attachment in _attachments(payload)]
        team = [(name, _purpose(role)) for name, role in spec.roles.items()]
        schema: JsonObject | bool | None = None
        response_format = None
        tools: Sequence[JsonObject] = ()
        if spec.planner == ORCHESTRATOR:
            prompt = planning.orchestrator_prompt(
                goal, notes, team, max_subagents=spec.max_agents, max_assignments=spec.max_agents
            )
            schema = spec.aggregate.get("output_schema")
            prompt += "" if schema is None else structured.instructions(schema)
            repairing = purpose == REPAIR
            purpose = REPAIR if repairing else TURN
            if not repairing and len(talk.turns) < MAX_TURNS - 1:
                tools = turns.ORCHESTRATOR_TOOLS
        else:
            prompt = planning.supervisor_prompt(goal, notes, team, spec.max_agents)
            wanted = plan_schema(max_subtasks=spec.max_agents, attachments=[note.name for note in notes])
            prompt += structured.instructions(wanted)
            response_format = structured.response_format(wanted, route.structured, PLAN_NAME)
            schema = True  # read with patience by ``parse_plan``, which sees more than a schema can say
        asked = [*system_messages(spec), {"role": "user", "content": planning.goal_content(goal, prompt)}]
        room = (route.context_tokens or _USUAL_CONTEXT_TOKENS) * _CHARS_PER_TOKEN - len(prompt)
        asked += _turn_messages(talk.turns, job.inputs, room)
        if purpose == REPAIR:
            assert talk.last is not None
            wrong = talk.last["content"][:MAX_QUOTED_CHARS] or "(no answer)"  # several vendors refuse an empty message
            asked.append({"role": "assistant", "content": wrong})
            asked.append({"role": "user", "content": planning.repair_prompt(talk.last["errors"])})
        request = ChatRequest(
            model=route.model,
            messages=asked,
            max_output_tokens=payload.get("max_output_tokens") or spec.max_output_tokens,
            timeout_s=job.timeout_s,
            tools=tools,
            response_format=response_format,
        )
        max_chars = document_chars(route.context_tokens, spec.max_output_tokens, spec.shared_bytes)
        return Call(
            request=request, purpose=purpose, payload=payload, talk=talk, schema=schema, document_chars=max_chars
        )

    def read(self, job: Job, call: Call, result: ChatResult) -> Outcome:
        """Return what a planner's answer means."""
        if call.purpose == TURN:
            return self._turn(job, call, result)
        content = content_of(result)
        assert call.schema is not None
        checked = self._schemas.compile(call.schema).check(content)
        planned: Sequence[PlannedTask] = ()
        output = ""
        if isinstance(checked, Checked) and job.spec.planner != ORCHESTRATOR:
            try:
                planned, output = self._plan(job, call, checked.value)
            except InvalidPlan as exc:
                return mismatch(call, content, exc.errors)
            except TooManyDocuments as exc:
                return mismatch(call, content, (str(exc),))
        if isinstance(checked, Mismatch):
            return mismatch(call, content, checked.errors)
        return Done(output=output or checked.text, plan=planned)

    def _plan(self, job: Job, call: Call, value: Any) -> tuple[Sequence[PlannedTask], str]:
        """Return the tasks of a plan, and the plan as it was understood, JSON text."""
        attachments = _attachments(call.payload)
        plan = parse_plan(
            value,
            max_subtasks=job.spec.max_agents,
            attachments=[attachment.name for attachment in attachments],
            roles=list(job.spec.roles),
        )
        if any(task.id == job.task_id for task in plan.subtasks):
            raise InvalidPlan([f"/subtasks: the id {job.task_id!r} is the planner's own; choose another"])
        subtasks = [
            {"id": one.id, "role": one.role, "depends_on": list(one.depends_on), "sources": list(one.sources)}
            for one in plan.subtasks
        ]
        understood = {"subtasks": subtasks, "synthesis": plan.synthesis, "warnings": list(plan.warnings)}
        subtasks_given = _with_pictures(plan.subtasks, job, call)
        return expand(subtasks_given, attachments, max_chars=call.document_chars), json_record(understood)

    def _turn(self, job: Job, call: Call, result: ChatResult) -> Outcome:
        spec, before = job.spec, call.talk.turns
        if not result.tool_calls:
            content = content_of(result)
            if call.schema is None:
                return Done(output=json_text(content))
            checked = self._schemas.compile(call.schema).check(content)
            if isinstance(checked, Mismatch):
                return mismatch(call, content, checked.errors)
            return Done(output=checked.text)
        if not call.request.tools:
            message = f"the orchestrator still calls tools after {MAX_TURNS} turns"
            return Wanting(kind="max_turns", message=message, retryable=False)
        # Further ones would only be refused, each with words that the next call would be sent.
        made = result.tool_calls[: 2 * spec.max_agents]
        assigned = sum(len(record["work"]) for record in before)
        turn = turns.take_turn(
            [turns.Call(id=one.id, name=one.name, arguments=one.arguments) for one in made],
            before[-1]["team"] if before else {},
            assigned=assigned,
            max_subagents=spec.max_agents,
            max_assignments=spec.max_agents,
            attachments=[attachment.name for attachment in _attachments(call.payload)],
            turn=job.step + 1,
        )
        replies = dict(turn.replies)
        work: tuple[PlannedTask, ...] = ()
        try:
            work = expand(
                _with_pictures([assignment.task for assignment in turn.assignments], job, call),
                _attachments(call.payload),
                max_chars=call.document_chars,
            )
            given = {assignment.call_id: assignment.task.id for assignment in turn.assignments}
        except TooManyDocuments as exc:
            given = {}
            replies |= {assignment.call_id: f"Error: {exc}" for assignment in turn.assignments}
        record = {
            "kind": TURN,
            "content": result.content,
            "reasoning_content": result.reasoning_content,
            "tool_calls": [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in made],
            "replies": replies,
            "work": given,
            "team": dict(turn.team),
        }
        return GoOn(record=record, work=work)


def _turn_messages(
    turn_records: Sequence[conversation.Record], inputs: Mapping[str, str], room: int
) -> list[JsonObject]:
    """Return an orchestrator's turns with the answers to their calls, all of them within ``room`` characters."""
    outputs = {
        f"{at} {call_id}": orjson.loads(inputs[task_id]) if task_id in inputs else _NO_RESULT
        for at, record in enumerate(turn_records)
        for call_id, task_id in record["work"].items()
    }
    share = share_of(turn_records, room, sum(len(text) for text in inputs.values()))
    shown = turns.tool_results(outputs, room - int(sum(map(spoken_chars, turn_records)) * share))
    told: list[JsonObject] = []
    for at, record in enumerate(turn_records):
        assistant = told_again(record, share)
        told.append(assistant)
        for call_id in (call["id"] for call in assistant["tool_calls"]):
            content = record["replies"].get(call_id) or shown.get(f"{at} {call_id}", _NO_RESULT)
            told.append({"role": "tool", "tool_call_id": call_id, "content": content})
    return told


def _attachments(payload: Mapping[str, Any]) -> list[Attachment]:
    return [Attachment(name=one["name"], text=one["text"]) for one in payload.get(ATTACHMENTS) or ()]


def _goal_of(spec: SwarmSpec, payload: Mapping[str, Any]) -> planning.Goal:
    """Return the goal as it came; images and videos stand in the planner's prompt."""
    prompt: planning.Goal | None = payload.get("prompt")
    return prompt if isinstance(prompt, list) else spec.goal or ""


def _with_pictures(tasks: Sequence[PlannedTask], job: Job, call: Call) -> Sequence[PlannedTask]:
    """Give each planned task the goal's images and videos: they are what it works on, and no prompt can hold them."""
    pictures = tuple(pictures_of(_goal_of(job.spec, call.payload)))
    return [replace(task, pictures=pictures) for task in tasks] if pictures else tasks


def _purpose(role: Mapping[str, Any]) -> str:
    """What a role is for, as a planner is told: the first sentence of its prompt and its tags."""
    tags = ", ".join(role.get("capability_tags") or ())
    return tags or str(role["system_prompt"])[:200]
