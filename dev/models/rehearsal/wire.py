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
from dev.models.rehearsal.replies import next_step
from dev.models.rehearsal.steps import Say, Step, Use

MODEL = "rehearsal"
CHARACTERS_A_TOKEN = 4


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class Function(BaseModel):
    name: str
    arguments: str = ""


class ToolCall(BaseModel):
    id: str
    function: Function


class Tool(BaseModel):
    function: Function


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class ChatRequest(BaseModel):
    """What is used of OpenAI's request; the rest is accepted and ignored."""

    model_config = ConfigDict(extra="ignore")
    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1)
    tools: list[Tool] | None = None
    tool_choice: Any = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None

    @property
    def tool_names(self) -> set[str]:
        """Names of the tools on offer; none when the request forbids them."""
        if self.tool_choice == "none":
            return set()
        return {tool.function.name for tool in self.tools or []}


def routes() -> list[web.RouteDef]:
    return [web.post("/v1/chat/completions", chat)]


async def chat(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`."""
    try:
        wanted = ChatRequest.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return refusal(400, f"{where}: {first['msg']}", where)
    messages = [message.model_dump() for message in wanted.messages]
    step = next_step(messages, wanted.tool_names)
    if not wanted.stream:
        return web.json_response(completion(wanted, step))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in chunks(wanted, step):
        await faults.write(request, response, f"data: {json.dumps(chunk)}\n\n".encode())
    await response.write(b"data: [DONE]\n\n")
    return response


def completion(wanted: ChatRequest, step: Step) -> dict[str, Any]:
    """The whole answer of a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    if isinstance(step, Say):
        message["content"] = step.text
    else:
        message["tool_calls"] = [_call(step)]
    choice = {"index": 0, "message": message, "finish_reason": _reason(step), "logprobs": None}
    return {**_head(wanted, "chat.completion"), "choices": [choice], "usage": _usage(wanted, step)}


def chunks(wanted: ChatRequest, step: Step) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed answer: role, then words or one tool call, then the reason, then usage."""
    head = _head(wanted, "chat.completion.chunk")

    def one(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield one({"role": "assistant", "content": "" if isinstance(step, Say) else None})
    if isinstance(step, Say):
        for word in re.findall(r"\S+\s*", step.text):
            yield one({"content": word})
    else:
        yield one({"tool_calls": [{"index": 0, **_call(step)}]})
    yield one({}, _reason(step))
    if wanted.stream_options and wanted.stream_options.include_usage:
        yield {**head, "choices": [], "usage": _usage(wanted, step)}


def _head(
    wanted: ChatRequest, kind: Literal["chat.completion", "chat.completion.chunk"]
) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": wanted.model,
    }


def _call(step: Use) -> dict[str, Any]:
    function = {"name": step.tool, "arguments": json.dumps(step.arguments)}
    return {"id": f"call_{uuid.uuid4().hex[:24]}", "type": "function", "function": function}


def _reason(step: Step) -> str:
    return "stop" if isinstance(step, Say) else "tool_calls"


def _usage(wanted: ChatRequest, step: Step) -> dict[str, int]:
    """Estimated: there is no tokenizer behind a script."""
    prompt = sum(len(str(message.content or "")) for message in wanted.messages)
    text = step.text if isinstance(step, Say) else json.dumps(step.arguments)
    counted = (prompt // CHARACTERS_A_TOKEN, len(text) // CHARACTERS_A_TOKEN + 1)
    return {
        "prompt_tokens": counted[0],
        "completion_tokens": counted[1],
        "total_tokens": sum(counted),
    }
