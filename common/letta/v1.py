"""A Letta that speaks the REST API v1: Letta Cloud, and servers of one's own, by letta_client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import letta_client
from letta_client import AsyncLetta
from letta_client.types import ToolReturnMessage
from letta_client.types.agents import (
    ApprovalRequestMessage,
    AssistantMessage,
    LettaStreamingResponse,
    ReasoningMessage,
    ToolCallMessage,
)
from letta_client.types.agents.letta_streaming_response import (
    LettaErrorMessage,
    LettaPing,
    LettaStopReason,
    LettaUsageStatistics,
)

from common.failures import failure
from common.letta import errors
from common.letta.backend import (
    Agent,
    Alive,
    Approval,
    Block,
    Conversation,
    Message,
    Part,
    Reasoning,
    Role,
    Stopped,
    StoredMessage,
    ToolCall,
    ToolReturn,
    Usage,
    Version,
    Words,
)
from common.letta.errors import LettaError
from common.model_cards import is_for_chat

LISTED = 100  # conversations among which those of a label are looked for
PAGE = 100  # agents asked for at once
CREATING_S = 60.0  # an agent may take its time
NO_SUCH_AGENT = (404, 422)  # 422 when the id does not even look like one
MISTAKES = (400, 404, 409, 413, 422)  # statuses for a body that is wrong in itself
# Agents of these types answer by a tool, whose arguments would come in pieces of JSON.
SPEAKS_BY_TOOL = ("memgpt_agent", "memgpt_v2_agent", "react_agent", "workflow_agent")
ROLES: dict[str, Role] = {"user_message": "user", "assistant_message": "assistant"}
# An agent's whole state is 20 kB, hundreds of fields, and the values of its tools' secrets.
LEAST = {"include_relationships": "tags"}


class V1:
    """`client` is closed with this. The turns of a call must not be sent again by it."""

    keeps_history = False

    def __init__(self, client: AsyncLetta) -> None:
        self.base_url = str(client.base_url).rstrip("/")
        self._client = client
        self._once = client.with_options(max_retries=0)
        self._whose: dict[str, str] = {}  # the agent of each conversation
        self._whole: set[str] = set()  # agents that speak by a tool
        self._left: set[str] = set()  # copies that nobody needs and that are there still

    async def aclose(self) -> None:
        await self._client.close()

    async def is_there(self, within_s: float) -> bool:
        try:
            await self._once.with_options(timeout=within_s).health()
        except letta_client.APIStatusError as error:
            return error.status_code < 500  # it is there, whatever it thinks of the question
        except letta_client.APIError:
            return False
        return True

    async def agents(self, limit: int) -> list[Agent]:
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while len(found) < limit:
            size = min(PAGE, limit - len(found))
            page = await self._get("/v1/agents/", limit=size, **LEAST, **after)
            found += page
            if len(page) < size:
                break
            after = {"after": page[-1]["id"]}
        return [_agent(each) for each in found]

    async def agent(self, agent_id: str) -> Agent:
        with self._in_words(agent_id):
            told = await self._get(f"/v1/agents/{agent_id}", agent_id, **LEAST)
        if told.get("agent_type") in SPEAKS_BY_TOOL:
            self._whole.add(agent_id)
        return _agent(told)

    async def create_agent(
        self, name: str, blocks: Mapping[str, str], model: str | None = None
    ) -> Agent:
        memory = [{"label": label, "value": value} for label, value in blocks.items()]
        body: dict[str, Any] = {"name": name, "memory_blocks": memory}
        body |= await self._usual_models(model)
        with self._in_words(), self._refused():
            created: Any = await self._once.post(
                "/v1/agents/", cast_to=object, body=body, options={"timeout": CREATING_S}
            )
        return _agent(created)

    async def change_model(self, agent_id: str, handle: str) -> Agent:
        with self._in_words(agent_id):
            changed: Any = await self._client.patch(
                f"/v1/agents/{agent_id}", cast_to=object, body={"model": handle}
            )
        return _agent(changed)

    async def models(self) -> list[str]:
        listed = await self._get("/v1/models/")
        handles = [str(model["handle"]) for model in listed if model.get("handle")]
        return [handle for handle in handles if is_for_chat({"id": handle})]

    async def blocks(self, agent_id: str) -> list[Block]:
        with self._in_words(agent_id):
            found = await self._get(f"/v1/agents/{agent_id}/core-memory/blocks", agent_id)
        return [
            Block(
                id=block["id"],
                label=block.get("label") or "",
                value=block.get("value") or "",
                limit=block.get("limit"),
                description=block.get("description"),
            )
            for block in found
        ]

    async def write_block(self, agent_id: str, label: str, value: str, why: str) -> None:
        labels = [block.label for block in await self.blocks(agent_id)]
        if label not in labels:
            raise errors.no_such_block(label, labels)
        path = f"/v1/agents/{agent_id}/core-memory/blocks/{label}"
        with self._in_words(agent_id), self._refused():
            await self._client.patch(path, cast_to=object, body={"value": value})

    async def versions(self, agent_id: str, label: str, limit: int) -> list[Version]:
        await self.agent(agent_id)
        return []

    async def version(self, agent_id: str, label: str, version_id: str) -> str:
        await self.agent(agent_id)
        raise errors.refused("this Letta keeps no history of its memory")

    async def create_conversation(self, agent_id: str, label: str) -> str:
        with self._in_words(agent_id):
            made = await self._client.conversations.create(agent_id=agent_id, summary=label)
        self._whose[made.id] = agent_id
        return made.id

    async def conversations(self, agent_id: str, label: str) -> list[Conversation]:
        with self._in_words(agent_id):
            listed = await self._client.conversations.list(
                agent_id=agent_id, summary_search=label, limit=LISTED
            )
        self._whose.update({each.id: agent_id for each in listed})
        found = [Conversation(each.id, each.summary or "") for each in listed]
        return [each for each in found if each.label.startswith(label)]

    async def label(self, conversation_id: str, label: str) -> None:
        with self._in_words():
            await self._client.conversations.update(conversation_id, summary=label)

    async def mark(self, conversation_id: str, label: str) -> str:
        """A copy: this API has no fork at a message. One that is asked for before the end of a turn
        is as the conversation was before that turn."""
        with self._in_words():
            mark = (await self._client.conversations.fork(conversation_id)).id
        self._whose[mark] = self._whose.get(conversation_id, "")
        try:
            await self.label(mark, label)
        except LettaError:  # without a label nobody would find it
            self._left.add(mark)
            raise
        return mark

    async def go_back(self, mark: str) -> str:
        return mark

    async def forget(self, mark: str) -> None:
        self._left.add(mark)
        await self.close(mark)

    async def tidy_up(self) -> None:
        for conversation_id in list(self._left):
            await self.close(conversation_id)

    async def close(self, conversation_id: str) -> None:
        with self._in_words(), suppress(letta_client.NotFoundError):
            await self._client.conversations.delete(conversation_id)
        self._left.discard(conversation_id)

    async def refresh(self, conversation_id: str) -> None:
        with self._in_words():
            await self._client.conversations.recompile(conversation_id)

    async def messages(self, conversation_id: str, newest: int) -> list[StoredMessage]:
        with self._in_words():
            page = await self._client.conversations.messages.list(
                conversation_id, order="desc", limit=newest
            )
        return [
            StoredMessage(ROLES[message.message_type], str(getattr(message, "content", "")).strip())
            for message in page.items
            if message.message_type in ROLES
        ]

    async def record(
        self, agent_id: str, conversation_id: str, messages: Sequence[Message]
    ) -> bool:
        """Letta has no request for it, so the words become messages of the agent: its search finds
        them, the conversation does not have them."""
        with self._in_words(agent_id):
            for user_texts, reply in _exchanges(messages):
                await self._client.post(
                    f"/v1/agents/{agent_id}/messages/capture",
                    cast_to=object,
                    body={
                        "provider": "voice",
                        "model": "voice",
                        "request_messages": [{"role": "user", "content": t} for t in user_texts],
                        "response_dict": {"content": reply},
                    },
                )
        return False

    async def run(self, conversation_id: str, messages: Sequence[Message]) -> AsyncIterator[Part]:
        sent: list[Any] = _sent(messages)
        with self._in_words():
            stream = await self._once.conversations.messages.create(
                conversation_id,
                messages=sent,
                streaming=True,
                stream_tokens=self._whose.get(conversation_id) not in self._whole,
                include_pings=True,
            )
            async for chunk in stream:
                if isinstance(chunk, LettaErrorMessage):
                    raise _told(chunk.error_type, chunk.detail or chunk.message, self.base_url)
                for part in _parts(chunk):
                    yield part

    async def cancel(self, conversation_id: str, within_s: float) -> None:
        with self._in_words(), suppress(letta_client.ConflictError):  # nothing runs anymore
            await self._once.conversations.cancel(conversation_id, timeout=within_s)

    async def _usual_models(self, model: str | None) -> dict[str, str]:
        """Model and embedding handles of a new agent: those of the first one as far as the server
        still has them, else the first that it lists."""
        models = await self.models()
        embeddings = [str(each["handle"]) for each in await self._get("/v1/models/embedding")]
        first: dict[str, Any] = next(iter(await self._get("/v1/agents/", limit=1)), {})
        if model is None:
            usual = model_of(first)
            model = usual if usual in models else next(iter(models), None)
        if model is None:
            raise errors.no_model(self.base_url)
        embedding = first.get("embedding") or (first.get("embedding_config") or {}).get("handle")
        if embedding not in embeddings:
            embedding = next(iter(embeddings), None)
        return {"model": model, **({"embedding": embedding} if embedding else {})}

    async def _get(self, path: str, agent_id: str | None = None, **query: object) -> Any:
        with self._in_words(agent_id):
            return await self._client.get(path, cast_to=object, options={"params": query})

    @contextmanager
    def _in_words(self, agent_id: str | None = None) -> Iterator[None]:
        """What goes wrong with a request becomes a LettaError."""
        try:
            yield
        except LettaError:
            raise
        except Exception as error:
            raise explain(error, self.base_url, agent_id) from error

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """Letta does not want what somebody gave us."""
        try:
            yield
        except letta_client.APIStatusError as error:
            if error.status_code not in MISTAKES:
                raise
            raise errors.refused(_reason(error), failure(error)) from error


def explain(error: BaseException, base_url: str, agent_id: str | None = None) -> LettaError:
    """Any exception of a request to Letta as a LettaError."""
    if isinstance(error, LettaError):
        return error
    failed = failure(error)
    if failed.kind == "busy":
        return errors.queue_full(error)
    if failed.retry_after is not None:
        return errors.asked_to_wait(base_url, failed)
    if isinstance(error, letta_client.APITimeoutError):
        return errors.timed_out(base_url)
    if isinstance(error, letta_client.APIConnectionError | httpx.TransportError):
        return errors.unreachable(base_url, error)
    if isinstance(error, letta_client.AuthenticationError | letta_client.PermissionDeniedError):
        return errors.rejected(base_url, error.status_code)
    if isinstance(error, letta_client.APIStatusError):
        return _status_error(error, base_url, agent_id)
    return errors.unknown(base_url, error)


def _status_error(
    error: letta_client.APIStatusError, base_url: str, agent_id: str | None
) -> LettaError:
    """An HTTP status, or an error event inside a stream (which carries the status 200)."""
    if error.status_code == 404 and "conversation" in str(error.body).lower():
        return errors.conversation_gone(base_url)
    if error.status_code == 404 or (agent_id and error.status_code in NO_SUCH_AGENT):
        return errors.no_such_agent(base_url, agent_id)
    body = error.body if isinstance(error.body, dict) else {}
    if kind := str(body.get("error_type", "")):
        return _told(kind, str(body.get("detail") or body.get("message") or ""), base_url)
    reason, busy = _reason(error), isinstance(error, letta_client.ConflictError)
    return errors.too_large(reason) or LettaError(
        "letta_busy" if busy else "letta_error",
        f"Letta at {base_url} answered {error.status_code}: {reason[:300]}",
        "wait for the other run of this conversation" if busy else "look at Letta's log",
        failure=failure(error),
    )


def _told(kind: str, detail: str, base_url: str) -> LettaError:
    """An error that Letta tells within a stream."""
    if kind in errors.MODEL_ERRORS or kind in errors.MODEL_FAILED:
        return errors.model_error(kind, detail)
    return errors.too_large(detail) or LettaError(
        "letta_error", f"Letta at {base_url} answered {kind}: {detail[:300]}", "look at Letta's log"
    )


def _reason(error: letta_client.APIStatusError) -> str:
    """What Letta says in the body of a refusal, in a sentence where it has the usual form."""
    body = error.body if isinstance(error.body, dict) else {}
    detail = body.get("detail") or body.get("message") or error.message
    if isinstance(detail, list):  # one entry a field that is wrong
        fields = [field for field in detail if isinstance(field, dict)]
        told = "; ".join(
            f"{'.'.join(str(part) for part in field.get('loc', ())[1:])}: {field.get('msg')}"
            for field in fields
        )
        detail = told or detail
    return str(detail)[:500]


def model_of(agent: Mapping[str, Any]) -> str | None:
    """The handle of an agent's language model."""
    return agent.get("model") or (agent.get("llm_config") or {}).get("handle")


def _agent(told: Mapping[str, Any]) -> Agent:
    return Agent(
        id=str(told["id"]),
        name=str(told.get("name") or told["id"]),
        model=model_of(told),
        description=told.get("description"),
        created_at=told.get("created_at"),
    )


def _sent(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in messages]


def _parts(chunk: LettaStreamingResponse) -> Iterator[Part]:
    if isinstance(chunk, AssistantMessage):
        content = chunk.content
        yield Words(content if isinstance(content, str) else "".join(p.text for p in content))
    elif isinstance(chunk, ReasoningMessage):
        yield Reasoning(chunk.reasoning)
    elif isinstance(chunk, ToolCallMessage):
        call = chunk.tool_call
        yield ToolCall(call.tool_call_id or "", call.name or "", call.arguments or "")
    elif isinstance(chunk, ApprovalRequestMessage):
        for asked in _listed(chunk.tool_calls) or [chunk.tool_call]:
            yield Approval(asked.tool_call_id or "", asked.name or "", asked.arguments or "")
    elif isinstance(chunk, ToolReturnMessage):
        text = chunk.tool_return
        yield ToolReturn(chunk.tool_call_id, chunk.name or "", chunk.status, str(text))
    elif isinstance(chunk, LettaUsageStatistics):
        yield Usage(chunk.model_dump(exclude_none=True, exclude={"message_type", "run_ids"}))
    elif isinstance(chunk, LettaStopReason):
        yield Stopped(chunk.stop_reason)
    elif isinstance(chunk, LettaPing):
        yield Alive()


def _listed(calls: Any) -> list[Any]:
    """Letta gives one or several."""
    return list(calls) if isinstance(calls, list) else [calls] if calls else []


def _exchanges(messages: Sequence[Message]) -> list[tuple[list[str], str]]:
    """User turns with what was heard in reply; turns without a reply are joined to the next one.
    The last reply is empty when there was none."""
    exchanges: list[tuple[list[str], str]] = []
    user_texts: list[str] = []
    for message in messages:
        if message.role == "user":
            user_texts.append(message.text)
        elif user_texts:
            exchanges.append((user_texts, message.text))
            user_texts = []
    return [*exchanges, (user_texts, "")] if user_texts else exchanges
