"""The rehearsal partner in OpenAI's chat format: one request in, a completion or a stream of chunks out."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dev.models import faults
from dev.models.refusal import refusal
from dev.models.rehearsal import options
from dev.models.rehearsal.options import CHARACTERS_A_TOKEN, Answer, CannotBeDone
from dev.models.rehearsal.replies import next_step

MODEL = "rehearsal"


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class Function(BaseModel):
    name: str
    arguments: str = ""


class ToolCall(BaseModel):
    id: str
    function: Function


class OfferedFunction(BaseModel):
    name: str
    parameters: dict[str, Any] = {}


class Tool(BaseModel):
    function: OfferedFunction


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class ChatRequest(BaseModel):
    """What is used of OpenAI's request; what only colors an answer (temperature, seed …) has no
    effect on a script."""

    model_config = ConfigDict(extra="ignore")
    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1)
    tools: list[Tool] | None = None
    tool_choice: Any = None
    response_format: Any = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None

    def answered(self) -> Answer:
        """Raises CannotBeDone."""
        if self.n not in (None, 1):
            raise CannotBeDone("n", f"{self.n} answers are not made; ask for one")
        tools = {tool.function.name: tool.function.parameters for tool in self.tools or []}
        names = options.offered(self.tool_choice, tools)
        step = next_step([message.model_dump() for message in self.messages], names)
        if options.is_forced(self.tool_choice):
            step = options.with_a_tool(step, names, tools)
        most = self.max_completion_tokens or self.max_tokens
        return options.answer(step, self.response_format, most)


async def chat(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`."""
    try:
        wanted = ChatRequest.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return refusal(400, f"{where}: {first['msg']}", where)
    try:
        answer = wanted.answered()
    except CannotBeDone as error:
        return refusal(400, str(error), error.param)
    if not wanted.stream:
        return web.json_response(completion(wanted, answer))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in chunks(wanted, answer):
        await faults.write(request, response, f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


def completion(wanted: ChatRequest, answer: Answer) -> dict[str, Any]:
    """The whole answer of a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if answer.tool:
        message["tool_calls"] = [_call(answer)]
    else:
        message["content"] = answer.text
    choice = {"index": 0, "message": message, "finish_reason": answer.reason, "logprobs": None}
    head = _head(wanted, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(wanted, answer)}


def chunks(wanted: ChatRequest, answer: Answer) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed answer: role, then words or one tool call, then the reason, then usage."""
    head = _head(wanted, "chat.completion.chunk")

    def one(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield one({"role": "assistant", "content": None if answer.tool else ""})
    if answer.tool:
        yield one({"tool_calls": [{"index": 0, **_call(answer)}]})
    for word in re.findall(r"\S+\s*", answer.text):
        yield one({"content": word})
    yield one({}, answer.reason)
    if wanted.stream_options and wanted.stream_options.include_usage:
        yield {**head, "choices": [], "usage": _usage(wanted, answer)}


def _head(
    wanted: ChatRequest, kind: Literal["chat.completion", "chat.completion.chunk"]
) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": wanted.model,
    }


def _call(answer: Answer) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": answer.arguments}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _usage(wanted: ChatRequest, answer: Answer) -> dict[str, int]:
    """Estimated: there is no tokenizer behind a script."""
    prompt = sum(len(str(message.content or "")) for message in wanted.messages)
    written = len(answer.text or answer.arguments)
    counted = (prompt // CHARACTERS_A_TOKEN, -(-written // CHARACTERS_A_TOKEN))
    return {
        "prompt_tokens": counted[0],
        "completion_tokens": counted[1],
        "total_tokens": sum(counted),
    }
