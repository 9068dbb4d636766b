"""How a chat completion is answered, whole or in events: by one model call, or by a swarm."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import orjson
from fastapi.responses import Response

from app.api.chat_chunks import Chunks
from app.api.deps import Caller, Services, json_response
from app.api.event_stream import Writer, error_event
from app.api.idempotency import REPLAYED, answer_of, mark, reply
from app.api.openai_errors import EXPECTED, failure
from app.api.schemas.chat import ChatCompletionCreate, completion_json
from app.api.schemas.swarm_chat import swarm_ask
from app.domain.errors import FieldError, InvalidRequest
from app.domain.ids import make_id
from app.ports.agents import AgentRow
from app.ports.idempotency import Answer, Once
from app.ports.provider import ChatDelta, Sink
from app.ports.runs import Beside
from app.services.idempotency import KeyedRequest, Outcome
from app.services.swarm_chat import PREFIX

_TIMEOUT_S = 300.0
SWARM_ID = "X-Swarm-Id"

_PIECE_CHARACTERS = 2_000
"""Of a merged value in one event."""


class ModelAnswers:
    """One model call for one request."""

    def __init__(
        self, services: Services, caller: Caller, keyed: KeyedRequest | None, body: ChatCompletionCreate
    ) -> None:
        self._services = services
        self._caller = caller
        self._keyed = keyed
        self._body = body
        now_ms = services.clock.now_ms()
        self._id = make_id("chatcmpl-", now_ms, services.entropy.bits(80))
        self._created_s = now_ms // 1000

    async def whole(self, _: Writer) -> Response:
        try:
            return reply(await self._answer(None))
        except EXPECTED as exc:
            return failure(exc)

    async def write(self, writer: Writer) -> Response | None:
        """Write the answer while the model writes it; of a repeated request, at once."""
        chunks: Chunks | None = None

        async def sink(delta: ChatDelta) -> None:
            nonlocal chunks
            if chunks is None:
                chunks = self._chunks(self._id, self._created_s, delta.model)
                await writer.write(chunks.role() + chunks.piece(delta))
            else:
                await writer.write(chunks.piece(delta))

        try:
            outcome = await self._answer(sink)
        except EXPECTED as exc:
            return await _fail(writer, exc)
        assert outcome.answer is not None
        completion = orjson.loads(outcome.answer.body)
        if chunks is not None:
            await writer.write(chunks.end(completion))
            return None
        if outcome.replayed:
            writer.headers[REPLAYED] = "true"
        chunks = self._chunks(completion["id"], completion["created"], completion["model"])
        await writer.write(chunks.whole(completion))
        return None

    async def _answer(self, sink: Sink | None) -> Outcome:
        services, caller, body = self._services, self._caller, self._body

        async def give() -> Answer:
            completion = await services.chat.complete(
                body.model,
                body.to_domain(_TIMEOUT_S),
                tenant_id=caller.tenant_id,
                key_id=caller.key_id,
                sink=sink,
            )
            return answer_of(completion_json(self._id, self._created_s, completion), 200)

        return await services.idempotency.answer(self._keyed, give)

    def _chunks(self, completion_id: str, created_s: int, model: str) -> Chunks:
        return Chunks(completion_id, created_s, model, include_usage=self._body.include_usage)


class SwarmAnswers:
    """One run for one request; a repeated request follows the run that the first one started."""

    def __init__(self, services: Services, agent: AgentRow, outcome: Outcome, body: ChatCompletionCreate) -> None:
        self._services = services
        self._agent = agent
        self._outcome = outcome
        self._body = body
        self._swarm_id = outcome.run_id
        self._id = f"chatcmpl-{self._swarm_id}"

    @classmethod
    async def to(
        cls, services: Services, caller: Caller, keyed: KeyedRequest | None, body: ChatCompletionCreate
    ) -> SwarmAnswers:
        """Start the run.

        Raises:
            UnknownModel: there is no such orchestrator.
            InvalidRequest: no goal, …
        """
        agent = await services.swarm_chat.orchestrator(caller.tenant_id, body.model)
        ask = swarm_ask(body)

        async def begin(once: Once | None) -> Outcome:
            try:
                swarm_id = await services.swarm_chat.start(
                    agent, ask, key_id=caller.key_id, beside=lambda _: Beside(once=once)
                )
            except InvalidRequest as exc:
                exc.errors = tuple(_of_the_request(error) for error in exc.errors)
                raise
            return Outcome(swarm_id=swarm_id)

        return cls(services, agent, await services.idempotency.start(keyed, begin), body)

    async def whole(self, _: Writer) -> Response:
        try:
            await self._over()
            response = json_response(await self._completion())
        except EXPECTED as exc:
            response = failure(exc)
        response.headers[SWARM_ID] = self._swarm_id
        return mark(response, self._outcome)

    async def write(self, writer: Writer) -> Response | None:
        """Write the run's progress in lines, then its merged value; the value alone where its form was asked for."""
        writer.headers[SWARM_ID] = self._swarm_id
        if self._outcome.replayed:
            writer.headers[REPLAYED] = "true"
        model = PREFIX + self._agent.name
        swarm = await self._services.swarms.get(self._agent.tenant_id, self._swarm_id)
        chunks = Chunks(self._id, swarm.created_at_ms // 1000, model, include_usage=self._body.include_usage)
        await writer.write(chunks.role())
        told = False
        try:
            lines = self._services.swarm_chat.follow(self._agent.tenant_id, self._swarm_id)
            async with aclosing(lines):
                async for line in lines:
                    if self._body.response_format is None:
                        told = True
                        await writer.write(chunks.piece(ChatDelta(model=model, content=line)))
            completion = await self._completion()
        except EXPECTED as exc:
            return await _fail(writer, exc)
        content = completion["choices"][0]["message"]["content"]
        content = f"\n{content}" if told else content
        for at in range(0, len(content), _PIECE_CHARACTERS):
            piece = ChatDelta(model=model, content=content[at : at + _PIECE_CHARACTERS])
            await writer.write(chunks.piece(piece))
        await writer.write(chunks.end(completion))
        return None

    async def _over(self) -> None:
        lines = self._services.swarm_chat.follow(self._agent.tenant_id, self._swarm_id)
        async with aclosing(lines):
            async for _ in lines:
                pass

    async def _completion(self) -> dict[str, Any]:
        completion, swarm = await self._services.swarm_chat.answer(self._agent, self._swarm_id)
        counts = swarm.counts
        told = {"swarm_id": swarm.swarm_id, "status": swarm.status, "missing": counts.total - counts.completed}
        return completion_json(self._id, swarm.created_at_ms // 1000, completion) | {"swarm": told}


async def _fail(writer: Writer, exc: Exception) -> Response | None:
    """Return the failure's own answer, or, after the answer has begun, end that with it."""
    response = failure(exc)
    if not writer.begun:
        return response
    await writer.write(error_event(bytes(response.body)))
    return None


def _of_the_request(error: FieldError) -> FieldError:
    """The request has neither tasks nor a goal: what the run's first task cannot be told is told of the messages."""
    if error.pointer.startswith(("/tasks", "/goal")):
        return FieldError("/messages", error.detail)
    return error
