"""Letta's App Server, by its WebSocket (`letta server`, protocol version 1, tried with 0.34.12).

What it does is tamed here: each turn gets no tool of the host and only our own memory tools, which
are executed in this process; a conversation has one turn at a time. Its memory are Markdown files
under git: each file in the root but MEMORY.md is a block, and stands in front of every turn.

It keeps no message of the role assistant that it has not written itself. So what was heard of an
interrupted reply is told as a reminder in front of the next words of the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from filelock import AsyncFileLock
from filelock import Timeout as FileLockTimeout

from common.failures import Failure
from common.letta import errors, memory_tools
from common.letta.backend import (
    Agent,
    Block,
    Conversation,
    MemoryChange,
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
from common.letta.memory_tools import Edit, ToolRefused
from common.model_cards import is_for_chat

logger = logging.getLogger("letta.app_server")

ANSWER_S = 15.0  # for all but a turn
GIT_LOCKED = re.compile(r"\.lock': File exists|cannot lock ref")
AGENT_GONE = re.compile(r"\bAgent (\S+) not found")
CREATING_S = 60.0
LISTING_TRIES = 2  # of its providers' models, before an agent's first turn
PATIENCE_TRIES = 3  # of the model, which take 3 s; a caller does not wait for more
FAILED = ("error", "llm_api_error")  # stop reasons that come with a text
LISTED, MANY_AGENTS = 200, 1000
INDEX = "MEMORY.md"
BLOCK_FILE = re.compile(r"[A-Za-z0-9_-]{1,50}\.md")
FIRST_VERSION = re.compile(r"^chore: initialize.*")  # the server's own words
HEARD = "<system-reminder>\nThe user interrupted your last reply. This much of it was heard: "
HEARD_END = "\n</system-reminder>"
SCOPE = "voice"
WRITTEN_IN_A_CALL = "written by the agent in a call"
TAGS = ("voice",)
CREATED, PENDING = "created:", "pending:"  # tags: of an agent; of a conversation, words to be told
SYSTEM = """\
You are an agent with a lasting memory, in a spoken conversation. What the user says reaches you \
as text from speech recognition and may contain mistakes: go by the sound of it, and ask when in \
doubt. Everything you write is read aloud, so write only what is to be heard: one to three short \
sentences of plain words, no lists, no markdown, no emoji, no links.

Your memory is the memory blocks below. They are always before you, and they stay when a \
conversation ends. When the user tells you something worth knowing next time (their name, what \
they like, what they plan, how they want to be spoken to), store it at once with memory_insert in \
the block human, in one short line, and correct what has changed with memory_replace. Do not speak \
of these tools: use them, and then answer.

What stands in <system-reminder> is about the program that you run in, not from the user: never \
speak of it. When it says what the user heard of your last reply, go on from there."""


class AppServer:
    """One server, and one connection to it, made when it is first needed and again when it broke.

    `token` is the server's capability token, `lock_file` what all who write with it share. External
    tools belong to the connection that has named them, so each process that holds calls has one of
    its own.
    """

    keeps_history = True

    def __init__(self, base_url: str, token: str, lock_file: Path) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._lock_file = lock_file
        self._http: aiohttp.ClientSession | None = None
        self._connecting = asyncio.Lock()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._turns: dict[str, asyncio.Queue[dict[str, Any] | None]] = {}  # by conversation
        self._started: set[str] = set()  # conversations whose runtime this connection has started
        self._listed: set[str] = set()  # models that the server has listed in this connection
        self._runs: dict[str, set[str]] = {}  # ids of what the turn that goes on consists of
        self._over: dict[str, set[str]] = {}  # and of one that was cancelled
        self._agents: dict[str, str] = {}  # whose a conversation is
        self._latest: dict[str, str] = {}  # the id of its newest message
        self._pending: dict[str, list[dict[str, str]]] = {}  # words that the next turn tells
        self._told: dict[str, list[dict[str, str]]] = {}  # and those that the last one told
        self._left: set[str] = set()  # conversations that are over, and not closed yet
        self._tools: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        for task in (self._reader, *self._tools):
            if task is not None:
                task.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()

    async def is_there(self, within_s: float) -> bool:
        timeout = aiohttp.ClientTimeout(total=within_s)
        try:
            async with self._session.get(f"{self.base_url}/readyz", timeout=timeout) as answer:
                return answer.status < 500
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    # Agents.

    async def agents(self, limit: int) -> list[Agent]:
        """The oldest first, so that the one that a call takes unasked does not change."""
        told = await self._ask("agent_list", query={"limit": MANY_AGENTS})
        found = sorted(told["agents"], key=lambda agent: (_created_at(agent), agent["id"]))
        return [_agent(each) for each in found[:limit]]

    async def agent(self, agent_id: str) -> Agent:
        with self._about(agent_id):
            return _agent((await self._ask("agent_retrieve", agent_id=agent_id))["agent"])

    async def create_agent(
        self, name: str, blocks: Mapping[str, str], model: str | None = None
    ) -> Agent:
        models = await self.models()
        if model is None:
            first = next(iter(await self.agents(1)), None)
            usual = first.model if first else None
            model = usual if usual in models else next(iter(models), None)
        if model is None:
            raise errors.no_model(self.base_url)
        if model not in models:
            raise errors.refused(f"there is no model {model!r}; there are {', '.join(models)}")
        body = {
            "name": name,
            "system": SYSTEM,
            "model": model,
            "tags": [*TAGS, f"{CREATED}{_now()}"],
            "memory_blocks": [
                {"label": label, "value": value, "description": f"What I know: {label}"}
                for label, value in blocks.items()
            ],
        }
        told = await self._ask("agent_create", within_s=CREATING_S, body=body)
        return _agent(told["agent"])

    async def change_model(self, agent_id: str, handle: str) -> Agent:
        with self._about(agent_id):
            told = await self._ask("agent_update", agent_id=agent_id, body={"model": handle})
        return _agent(told["agent"])

    async def models(self) -> list[str]:
        told = await self._ask("list_models", force=True)
        handles = [str(entry["handle"]) for entry in told["entries"]]
        return [handle for handle in handles if is_for_chat({"id": handle})]

    # Memory.

    async def blocks(self, agent_id: str) -> list[Block]:
        await self.agent(agent_id)  # the memory of one that is not there would be made
        told = await self._ask("list_memory", agent_id=agent_id)
        return [
            Block(
                id=entry["relative_path"],
                label=entry["relative_path"].removesuffix(".md"),
                value=entry["content"].strip("\n"),
                limit=memory_tools.LIMIT,
                description=entry.get("description"),
            )
            for entry in told["entries"]
            if entry["relative_path"] != INDEX and BLOCK_FILE.fullmatch(entry["relative_path"])
        ]

    async def write_block(self, agent_id: str, label: str, value: str, why: str) -> None:
        blocks = {block.label: block for block in await self.blocks(agent_id)}
        if label not in blocks:
            raise errors.no_such_block(label, list(blocks))
        async with self._writing():
            await self._write(agent_id, blocks[label], value, why)

    async def _write(self, agent_id: str, block: Block, value: str, why: str) -> None:
        about = (block.description or block.label).replace("\n", " ")
        await self._ask(
            "write_memory_file",
            agent_id=agent_id,
            path=block.id,
            content=f"---\nname: {block.label}\ndescription: {json.dumps(about)}\n---\n{value}\n",
            commit_message=why,
        )

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """One at a time, of all our processes: the server mixes up writes that come at once."""
        try:
            async with AsyncFileLock(self._lock_file, timeout=ANSWER_S):
                yield
        except FileLockTimeout:
            raise LettaError(
                "letta_busy",
                f"the memory is being written by somebody else for {ANSWER_S:g} s",
                f"end the program that holds {self._lock_file}",
            ) from None

    async def versions(self, agent_id: str, label: str, limit: int) -> list[Version]:
        await self.agent(agent_id)
        told = await self._ask(
            "memory_history", agent_id=agent_id, file_path=f"{label}.md", limit=limit
        )
        return [
            Version(each["sha"], each["timestamp"], FIRST_VERSION.sub("made", each["message"]))
            for each in told["commits"]
        ]

    async def version(self, agent_id: str, label: str, version_id: str) -> str:
        await self.agent(agent_id)
        told = await self._ask(
            "memory_file_at_ref", agent_id=agent_id, file_path=f"{label}.md", ref=version_id
        )
        return _without_frontmatter(str(told.get("content") or ""))

    # Conversations.

    async def create_conversation(self, agent_id: str, label: str) -> str:
        with self._about(agent_id):
            told = await self._ask(
                "conversation_create", body={"agent_id": agent_id, "summary": label}
            )
        conversation_id = str(told["conversation"]["id"])
        self._agents[conversation_id] = agent_id
        return conversation_id

    async def conversations(self, agent_id: str, label: str) -> list[Conversation]:
        query = {"agent_id": agent_id, "summary_search": label, "limit": LISTED}
        with self._about(agent_id):
            told = await self._ask("conversation_list", query=query)
        found = []
        for each in told["conversations"]:
            summary = each.get("summary") or ""
            if not each.get("archived") and summary.startswith(label):
                self._agents[each["id"]] = agent_id
                self._pending[each["id"]] = _pending_of(each.get("tags") or [])
                found.append(Conversation(each["id"], summary))
        return found

    async def label(self, conversation_id: str, label: str) -> None:
        await self._ask(
            "conversation_update", conversation_id=conversation_id, body={"summary": label}
        )

    async def mark(self, conversation_id: str, label: str) -> str:
        """Costs nothing: a conversation can be forked at a message afterwards."""
        newest = self._latest.get(conversation_id)
        if newest is None:
            newest = self._latest[conversation_id] = await self._newest_message(conversation_id)
        return f"{conversation_id} {newest}"

    async def go_back(self, mark: str) -> str:
        conversation_id, _, message_id = mark.partition(" ")
        agent_id = self._agents[conversation_id]
        if not message_id:
            return await self.create_conversation(agent_id, "")
        told = await self._ask(
            "conversation_fork", conversation_id=conversation_id, body={"message_id": message_id}
        )
        fork = str(told["conversation"]["id"])
        self._agents[fork] = agent_id
        if told_lately := self._told.get(conversation_id):
            self._pending[fork] = told_lately
            await self._keep_pending(fork)
        return fork

    async def forget(self, mark: str) -> None:
        pass

    async def tidy_up(self) -> None:
        for conversation_id in list(self._left):
            await self.close(conversation_id)

    async def close(self, conversation_id: str) -> None:
        """There is no delete."""
        self._left.add(conversation_id)
        body = {"archived": True, "hidden": True, "summary": None}
        await self._ask("conversation_update", conversation_id=conversation_id, body=body)
        self._left.discard(conversation_id)
        self._started.discard(conversation_id)

    async def refresh(self, conversation_id: str) -> None:
        await self._ask("conversation_recompile", conversation_id=conversation_id)

    async def messages(self, conversation_id: str, newest: int) -> list[StoredMessage]:
        """With what was heard of interrupted replies, which stands in reminders."""
        pending = reversed(self._pending.get(conversation_id, []))
        said = [StoredMessage(_role(each["role"]), each["text"]) for each in pending]
        for message in await self._messages(conversation_id, newest):
            if message["message_type"] == "assistant_message":
                said.append(StoredMessage("assistant", _text(message["content"])))
            elif message["message_type"] == "user_message":
                said += _user_message(message["content"])
        return said

    async def record(
        self, agent_id: str, conversation_id: str, messages: Sequence[Message]
    ) -> bool:
        """The next turn of this conversation, whoever asks for it, tells them."""
        pending = self._pending.get(conversation_id, [])
        pending = [*pending, *({"role": each.role, "text": each.text} for each in messages)]
        self._pending[conversation_id] = pending
        await self._keep_pending(conversation_id)
        return True

    async def _keep_pending(self, conversation_id: str) -> None:
        pending = self._pending.get(conversation_id)
        tags = [PENDING + json.dumps(pending)] if pending else []
        await self._ask("conversation_update", conversation_id=conversation_id, body={"tags": tags})

    async def _newest_message(self, conversation_id: str) -> str:
        messages = await self._messages(conversation_id, 1)
        return str(messages[0]["id"]) if messages else ""

    async def _messages(self, conversation_id: str, newest: int) -> list[dict[str, Any]]:
        told = await self._ask(
            "conversation_messages_list",
            conversation_id=conversation_id,
            query={"limit": newest, "order": "desc"},
        )
        return list(told["messages"])

    # A turn.

    async def run(self, conversation_id: str, messages: Sequence[Message]) -> AsyncIterator[Part]:
        await self._start(conversation_id)
        if conversation_id in self._turns:
            raise errors.busy(self.base_url)
        parts: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._turns[conversation_id] = parts
        pending = self._told[conversation_id] = self._pending.pop(conversation_id, [])
        try:
            told = await self._ask(
                "input",
                runtime=self._runtime(conversation_id),
                payload={
                    "kind": "create_message",
                    "messages": _inputs(pending, messages),
                    "client_toolset": {"base": "none"},
                    "client_tool_allowlist": list(memory_tools.NAMES),
                    "external_tool_scope_ids": [SCOPE],
                    "exclude_interactive_tools": True,
                },
            )
            if not told.get("accepted"):
                raise errors.refused(str(told.get("error") or "the turn was not accepted"))
            if told.get("disposition") == "queued":  # somebody else's turn goes on there
                raise errors.conversation_gone(self.base_url)
            if pending:
                await self._keep_pending(conversation_id)
            async for part in self._parts(conversation_id, parts):
                yield part
        except BaseException:
            if pending:
                self._pending.setdefault(conversation_id, pending)
            raise
        finally:
            self._turns.pop(conversation_id, None)
            self._runs.pop(conversation_id, None)

    async def cancel(self, conversation_id: str, within_s: float) -> None:
        parts = self._turns.get(conversation_id)
        if parts is None:
            return
        runtime = self._runtime(conversation_id)
        told = await self._ask("abort_message", within_s=within_s, runtime=runtime)
        if told.get("aborted"):
            self._over[conversation_id] = self._runs.pop(conversation_id, set())
            # The server tells the end only when its model has ended, who knows when.
            parts.put_nowait({"type": "turn_finished", "stop_reason": "cancelled"})

    async def _start(self, conversation_id: str) -> None:
        """Tell the server which tools we have for this conversation; once a connection."""
        await self._connected()
        if conversation_id in self._started:
            return
        if conversation_id not in self._agents:
            told = await self._ask("conversation_retrieve", conversation_id=conversation_id)
            self._agents[conversation_id] = str(told["conversation"]["agent_id"])
        await self._ask(
            "runtime_start",
            agent_id=self._agents[conversation_id],
            conversation_id=conversation_id,
            mode="strict",
            skill_sources=[],
            recover_approvals=False,
            force_device_status=False,
            external_tools=[{"scope_id": SCOPE, "tools": memory_tools.definitions()}],
        )
        await self._see_the_model_listed(self._agents[conversation_id])
        self._started.add(conversation_id)

    async def _see_the_model_listed(self, agent_id: str) -> None:
        """A server that began a moment ago does not know the models of its providers yet: it gives
        them 2 s to be listed and then calls the agent's unknown, when the caller's words are in the
        conversation already. Which models there are is asked before the first turn, for that."""
        model = (await self.agent(agent_id)).model
        for _ in range(LISTING_TRIES):
            if not model or model in self._listed:
                return
            self._listed.update(await self.models())

    def _runtime(self, conversation_id: str) -> dict[str, str]:
        return {
            "agent_id": self._agents[conversation_id],
            "conversation_id": conversation_id,
        }

    async def _parts(
        self, conversation_id: str, told: asyncio.Queue[dict[str, Any] | None]
    ) -> AsyncIterator[Part]:
        failed: LettaError | None = None
        names: dict[str, str] = {}  # of the tools that were called, by call
        returned: set[str] = set()
        used: Counter[str] = Counter()  # it tells of each step of the turn apart
        while True:
            message = await told.get()
            if message is None:  # the connection broke
                raise errors.stopped_early(None)
            if message["type"] == "turn_finished":
                reason = str(message.get("stop_reason") or "")
                if reason in FAILED:
                    detail = str(message.get("error") or "")
                    raise failed or _failed(self.base_url, reason, detail)
                if used:
                    yield Usage(dict(used))
                yield Stopped(reason)
                return
            if message["type"] == "part":  # of a tool that we have done
                returned.add(message["part"].id)
                yield message["part"]
                continue
            delta = message["delta"]
            kind = delta.get("message_type")
            if kind == "error_message":
                failed = _failed(self.base_url, "llm_api_error", str(delta.get("message") or ""))
            elif kind == "event_message" and delta.get("event_type") == "retry":
                retry = delta.get("event_data") or {}
                if int(retry.get("attempt") or 0) >= PATIENCE_TRIES:  # it would try for 35 s
                    await self.cancel(conversation_id, ANSWER_S)
                    raise _failed(self.base_url, "llm_api_error", str(retry.get("message") or ""))
            elif kind in ("assistant_message", "tool_return_message"):
                self._latest[conversation_id] = str(delta["id"])
            for part in _parts(delta):
                if isinstance(part, ToolCall):
                    names[part.id] = names.get(part.id) or part.name
                elif isinstance(part, ToolReturn):
                    if part.id in returned:
                        continue
                    returned.add(part.id)
                    part = replace(part, name=names.get(part.id, ""))
                elif isinstance(part, Usage):
                    used.update(part.counts)
                    if "context_tokens" in part.counts:  # is as large as it is, not a sum
                        used["context_tokens"] = part.counts["context_tokens"]
                    continue
                yield part

    # The connection.

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession()
        return self._http

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        async with self._connecting:
            if self._socket is None or self._socket.closed:
                self._started.clear()
                self._listed.clear()
                self._over.clear()  # a server that was started again counts its runs anew
                with self._in_words():
                    self._socket = await self._session.ws_connect(
                        f"{self.base_url}/ws",
                        headers=self._headers,
                        max_msg_size=0,
                        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                    )
                self._reader = asyncio.create_task(self._read(self._socket), name="read letta")
            return self._socket

    async def _ask(self, what: str, *, within_s: float = ANSWER_S, **fields: Any) -> dict[str, Any]:
        """Its answer; raises LettaError when that says that it failed."""
        socket = await self._connected()
        request_id = uuid.uuid4().hex
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = answer
        try:
            with self._in_words():
                await socket.send_json({"type": what, "request_id": request_id, **fields})
                async with asyncio.timeout(within_s):
                    told = await answer
        finally:
            self._asked.pop(request_id, None)
        if told.get("success") is False:
            raise self._refused(what, str(told.get("error") or "no reason given"))
        return told

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    continue
                with contextlib.suppress(ValueError):
                    self._take(json.loads(frame.data))
        finally:
            broken = ConnectionResetError("the connection was closed")
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(broken)
            for parts in self._turns.values():
                parts.put_nowait(None)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "external_tool_call_request":
            task = asyncio.create_task(self._use_tool(message))
            self._tools.add(task)
            task.add_done_callback(self._tools.discard)
        elif kind in ("stream_delta", "turn_finished"):
            conversation_id = str(message.get("runtime", {}).get("conversation_id"))
            run_id = message.get("run_id") or message.get("delta", {}).get("run_id")
            if run_id in self._over.get(conversation_id, ()):
                return  # the rest of a turn that was cancelled
            if parts := self._turns.get(conversation_id):
                if run_id:
                    self._runs.setdefault(conversation_id, set()).add(run_id)
                parts.put_nowait(message)
        elif kind == "control_request":
            self._decide(message)
        else:
            answer = self._asked.get(str(message.get("request_id")))
            if answer is not None and not answer.done():
                answer.set_result(message)

    # The tools.

    async def _use_tool(self, request: dict[str, Any]) -> None:
        """Do what the model asks for, and answer it; whatever goes wrong is told to the model."""
        name, runtime = str(request.get("tool_name")), request.get("runtime") or {}
        conversation_id = str(runtime.get("conversation_id"))
        call_id, change = str(request.get("tool_call_id")), None
        try:
            edit = memory_tools.asked(name, request.get("input") or {})
            change = await self._edit(self._agents[conversation_id], call_id, edit)
            text = f"{change.label} now is:\n{change.after}"
        except (ToolRefused, LettaError, KeyError) as error:
            text = f"Error: {error}"
            logger.warning("the tool %s was refused: %s", name, text)
        failed = change is None
        if parts := self._turns.get(conversation_id):
            returned = ToolReturn(call_id, name, "error" if failed else "success", text)
            parts.put_nowait({"type": "part", "part": returned})
            if change is not None:
                parts.put_nowait({"type": "part", "part": change})
        if self._socket is not None and not self._socket.closed:
            result = {"content": [{"type": "text", "text": text}], "is_error": failed}
            await self._socket.send_json(
                {
                    "type": "external_tool_call_response",
                    "request_id": request["request_id"],
                    "result": result,
                }
            )

    async def _edit(self, agent_id: str, call_id: str, edit: Edit) -> MemoryChange:
        async with self._writing():
            blocks = {block.label: block for block in await self.blocks(agent_id)}
            if edit.label not in blocks:
                there = ", ".join(blocks)
                raise ToolRefused(f"There is no block {edit.label!r}; there are {there}.")
            before = blocks[edit.label].value
            after = memory_tools.changed(before, edit)
            if after != before:
                await self._write(agent_id, blocks[edit.label], after, WRITTEN_IN_A_CALL)
        return MemoryChange(call_id, edit.label, before, after)

    def _decide(self, message: dict[str, Any]) -> None:
        """The server asks before it lets a tool be used: only ours may, which we do ourselves."""
        name = message.get("request", {}).get("tool_name")
        conversation_id = str(message.get("conversation_id"))
        socket = self._socket
        if socket is None or conversation_id not in self._agents:
            return
        decision = {"behavior": "allow"}
        if name not in memory_tools.NAMES:
            logger.warning("the tool %s was denied", name)
            decision = {"behavior": "deny", "message": "This tool cannot be used in a call."}
        payload = {
            "kind": "approval_response",
            "request_id": message.get("request_id"),
            "decision": decision,
        }
        told = {"type": "input", "runtime": self._runtime(conversation_id), "payload": payload}
        task = asyncio.create_task(socket.send_json(told))
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)

    # What goes wrong.

    def _refused(self, what: str, reason: str) -> LettaError:
        if gone := AGENT_GONE.search(reason):
            return errors.no_such_agent(self.base_url, gone[1])
        if re.search(r"agent\b.*not found|not found.*\bagent", reason, re.IGNORECASE):
            return errors.no_such_agent(self.base_url, None)
        if re.search(r"conversation\b.*not found", reason, re.IGNORECASE):
            return errors.conversation_gone(self.base_url)
        if GIT_LOCKED.search(reason):
            return errors.memory_locked()
        return LettaError(
            "letta_error",
            f"Letta at {self.base_url} refused {what}: {reason[:300]}",
            "look at the log of the letta process",
        )

    @contextlib.contextmanager
    def _about(self, agent_id: str) -> Iterator[None]:
        try:
            yield
        except LettaError as error:
            if error.code == "agent_not_found":
                raise errors.no_such_agent(self.base_url, agent_id) from error
            raise

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except LettaError:
            raise
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise errors.rejected(self.base_url, error.status) from error
            raise errors.unknown(self.base_url, error) from error
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise errors.timed_out(self.base_url) from error
        except (aiohttp.ClientError, OSError) as error:
            raise errors.unreachable(self.base_url, error) from error


def _failed(base_url: str, reason: str, detail: str) -> LettaError:
    """A turn that the server has given up, in its own words."""
    if larger := errors.too_large(detail):
        return larger
    if reason == "llm_api_error":
        return errors.model_error(reason, detail)
    if gone := AGENT_GONE.search(detail):
        return errors.no_such_agent(base_url, gone[1])
    if detail:
        return LettaError(
            "letta_error",
            f"Letta at {base_url} gave the turn up: {detail[:300]}",
            "look at the log of the letta process",
            failure=Failure("other"),
        )
    return errors.stopped_early(reason or None)


def _parts(delta: Mapping[str, Any]) -> Iterator[Part]:
    match delta.get("message_type"):
        case "assistant_message":
            yield Words(_text(delta["content"]))
        case "reasoning_message":
            yield Reasoning(str(delta.get("reasoning") or ""))
        case "tool_call_message" | "approval_request_message":
            for call in delta.get("tool_calls") or [delta.get("tool_call") or {}]:
                name, arguments = call.get("name") or "", call.get("arguments") or ""
                yield ToolCall(str(call.get("tool_call_id") or ""), name, arguments)
        case "tool_return_message":
            for told in delta.get("tool_returns") or [delta]:
                text = _text(told.get("tool_return") or "")
                yield ToolReturn(str(told.get("tool_call_id")), "", str(told.get("status")), text)
        case "usage_statistics":
            tokens = [key for key in delta if key.endswith("_tokens")]
            yield Usage({key: int(delta[key] or 0) for key in tokens})


def _inputs(
    pending: Sequence[Mapping[str, str]], messages: Sequence[Message]
) -> list[dict[str, Any]]:
    """The caller's turns, each with what was heard of the reply before it in front."""
    said = [*((each["role"], each["text"]) for each in pending)]
    said += [(message.role, message.text) for message in messages]
    inputs: list[dict[str, Any]] = []
    heard: list[str] = []
    for role, text in said:
        if role == "assistant":
            heard.append(text)
            continue
        content = [{"type": "text", "text": text}]
        if heard:
            content.insert(0, {"type": "text", "text": _reminder_of(" ".join(heard))})
        heard = []
        inputs.append({"role": "user", "content": content, "client_message_id": uuid.uuid4().hex})
    return inputs


def _reminder_of(heard: str) -> str:
    return f"{HEARD}{json.dumps(heard, ensure_ascii=False)}{HEARD_END}"


def _user_message(content: Any) -> list[StoredMessage]:
    """The caller's words, and what was heard before them, the newest first."""
    parts = [part.get("text") or "" for part in content] if isinstance(content, list) else [content]
    said = [StoredMessage("user", parts[-1])] if parts else []
    for part in reversed(parts[:-1]):
        if part.startswith(HEARD):
            with contextlib.suppress(ValueError):
                heard = json.loads(part.removeprefix(HEARD).removesuffix(HEARD_END))
                said.append(StoredMessage("assistant", heard))
    return said


def _role(name: str) -> Role:
    return "assistant" if name == "assistant" else "user"


def _pending_of(tags: Sequence[str]) -> list[dict[str, str]]:
    for tag in tags:
        if tag.startswith(PENDING):
            with contextlib.suppress(ValueError):
                return list(json.loads(tag.removeprefix(PENDING)))
    return []


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in content if part.get("type") == "text")


def _without_frontmatter(content: str) -> str:
    if content.startswith("---\n"):
        content = content.partition("\n---\n")[2]
    return content.strip("\n")


def _agent(told: Mapping[str, Any]) -> Agent:
    return Agent(
        id=str(told["id"]),
        name=str(told.get("name") or told["id"]),
        model=told.get("model"),
        description=told.get("description"),
        created_at=_created_at(told) or None,
    )


def _created_at(told: Mapping[str, Any]) -> str:
    for tag in told.get("tags") or []:
        if str(tag).startswith(CREATED):
            return str(tag).removeprefix(CREATED)
    return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
