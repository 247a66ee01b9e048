"""What the old Letta remembers, read from a copy of its database: the database itself is not
opened, since even that would change it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.letta.backend import StoredMessage
from dev.letta import cluster, pidfile
from dev.letta.console import Problem

VERSION = "0.16.8"
START_S, END_S, ANSWER_S = 60.0, 20.0, 60.0
CHECKPOINT = "(checkpoint)"
OUR_PROMPT = "You are an agent with a lasting memory, in a spoken conversation."
OUR_TOOLS = ("conversation_search", "memory_insert", "memory_replace", "send_message")

AGENTS = """
SELECT a.id, a.name, a.system, a.created_at, a.llm_config->>'model' AS model,
  (SELECT json_object_agg(b.label, b.value) FROM blocks_agents ba JOIN block b ON b.id = ba.block_id
   WHERE ba.agent_id = a.id AND NOT b.is_deleted) AS blocks,
  (SELECT json_agg(t.name ORDER BY t.name) FROM tools_agents ta JOIN tools t ON t.id = ta.tool_id
   WHERE ta.agent_id = a.id) AS tools,
  (SELECT count(*) FROM messages m WHERE m.agent_id = a.id AND m.role = 'user'
   AND m.conversation_id IS NULL AND NOT m.is_deleted) AS outside
FROM agents a WHERE NOT a.is_deleted ORDER BY a.created_at"""
CONVERSATIONS = """
SELECT id, agent_id, summary FROM conversations WHERE NOT is_deleted ORDER BY created_at"""
MESSAGES = """
SELECT m.role, m.content, m.tool_calls, cm.conversation_id
FROM conversation_messages cm JOIN messages m ON m.id = cm.message_id
WHERE m.role IN ('user', 'assistant') AND NOT m.is_deleted AND NOT cm.is_deleted
ORDER BY m.sequence_id"""
PASSAGES = "SELECT count(*) AS count FROM archival_passages WHERE NOT is_deleted"
MADE_BY = "SELECT value FROM voice_system WHERE name = 'letta'"


@dataclass
class OldConversation:
    id: str
    label: str
    messages: list[StoredMessage] = field(default_factory=list)


@dataclass
class OldAgent:
    """`blocks`: values by label; `outside`: the caller's messages that are in no conversation."""

    id: str
    name: str
    model: str
    system: str
    blocks: dict[str, str]
    tools: list[str]
    outside: int
    conversations: list[OldConversation] = field(default_factory=list)


@dataclass
class OldMemory:
    agents: list[OldAgent]
    first_agent: str
    passages: int


def read(folder: Path) -> OldMemory:
    """All of it; `folder` is VOICE_HOME/letta, and nobody may be at work there. Raises Problem."""
    with tempfile.TemporaryDirectory(prefix="letta-import-") as aside:
        _copy(folder / "postgres", Path(aside) / "postgres")
        with _running(cluster.prepare(Path(aside))) as database:
            made_by = [row["value"] for row in _ask(database, MADE_BY)]
            if made_by != [VERSION]:
                raise Problem(
                    f"the memory in {folder / 'postgres'} was made by Letta "
                    f"{', '.join(made_by) or 'of an unknown version'}, and only that of {VERSION} "
                    "can be read: start it once with the version of this project that made it"
                )
            agents = [_agent(row) for row in _ask(database, AGENTS)]
            found = {row["id"]: row for row in _ask(database, CONVERSATIONS)}
            conversations = {
                key: OldConversation(key, row["summary"] or "") for key, row in found.items()
            }
            for row in _ask(database, MESSAGES):
                if (text := _text(row)) and row["conversation_id"] in conversations:
                    message = StoredMessage(row["role"], text)
                    conversations[row["conversation_id"]].messages.append(message)
            passages = int(_ask(database, PASSAGES)[0]["count"])
    for agent in agents:
        agent.conversations = [
            one
            for one in conversations.values()
            if found[one.id]["agent_id"] == agent.id and not one.label.endswith(CHECKPOINT)
        ]
    first = folder / "first-agent"
    return OldMemory(agents, first.read_text().strip() if first.exists() else "", passages)


def _copy(data: Path, aside: Path) -> None:
    size = sum(each.stat().st_size for each in data.rglob("*") if each.is_file())
    cluster.check_space(aside.parent, size + cluster.GROWTH_BYTES)
    shutil.copytree(data, aside, ignore=shutil.ignore_patterns("postmaster.pid"))
    aside.chmod(0o700)


@contextmanager
def _running(one: cluster.Cluster) -> Iterator[cluster.Cluster]:
    process = subprocess.Popen(one.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_S
        while not ((file := pidfile.read(one.data)) and file.ready):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                said = process.communicate()[0].decode(errors="replace")
                raise Problem(
                    f"a copy of the old database does not start: {cluster.last_line(said)}"
                )
            time.sleep(0.05)
        yield one
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if one.sockets_are_temporary:
            shutil.rmtree(one.sockets, ignore_errors=True)


def _ask(one: cluster.Cluster, query: str) -> list[dict[str, Any]]:
    whole = f"SELECT coalesce(json_agg(row_to_json(found)), '[]') FROM ({query}) AS found"
    done = subprocess.run(
        [str(one.bin / "psql"), "-X", "-h", str(one.sockets), "-U", cluster.USER, "-Atc", whole],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=ANSWER_S,
        env={"PGCLIENTENCODING": "UTF8", "PATH": ""},
    )
    if done.returncode != 0:
        raise Problem(f"the old database cannot be read: {cluster.last_line(done.stderr)}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def _agent(row: dict[str, Any]) -> OldAgent:
    return OldAgent(
        id=row["id"],
        name=row["name"] or row["id"],
        model=row["model"] or "",
        system=row["system"] or "",
        blocks=row["blocks"] or {},
        tools=row["tools"] or [],
        outside=int(row["outside"]),
    )


def _text(row: dict[str, Any]) -> str:
    """What was said; agents of old types speak by a tool, and wrap what they hear in JSON."""
    parts = [part.get("text") or "" for part in row["content"] or [] if part.get("type") == "text"]
    text = "".join(parts).strip()
    if row["role"] == "user":
        try:
            wrapped = json.loads(text)
        except ValueError:
            return text
        if isinstance(wrapped, dict) and "type" in wrapped:
            said = wrapped.get("message") if wrapped["type"] == "user_message" else ""
            return str(said or "").strip()
        return text
    spoken = [_spoken(call.get("function") or {}) for call in row["tool_calls"] or []]
    return " ".join(filter(None, spoken)) or text


def _spoken(function: dict[str, Any]) -> str:
    if function.get("name") != "send_message":
        return ""
    try:
        return str(json.loads(function.get("arguments") or "{}").get("message") or "").strip()
    except (ValueError, AttributeError):
        return ""
