"""What the old Letta remembers, read from a copy of its database: the database itself is not
opened, since even that would change it."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.letta.backend import StoredMessage
from dev.letta.console import Problem
from dev.letta_import import postgres

VERSION = "0.16.8"
GROWTH_BYTES = 50_000_000  # what a database that is read takes for itself
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
        with postgres.running(Path(aside) / "postgres") as database:
            made_by = [row["value"] for row in database.ask(MADE_BY)]
            if made_by != [VERSION]:
                raise Problem(
                    f"the memory in {folder / 'postgres'} was made by Letta "
                    f"{', '.join(made_by) or 'of an unknown version'}, and only that of {VERSION} "
                    "can be read: carry it over with the version of this project that made it"
                )
            agents = [_agent(row) for row in database.ask(AGENTS)]
            found = {row["id"]: row for row in database.ask(CONVERSATIONS)}
            conversations = {
                key: OldConversation(key, row["summary"] or "") for key, row in found.items()
            }
            for row in database.ask(MESSAGES):
                if (text := _text(row)) and row["conversation_id"] in conversations:
                    message = StoredMessage(row["role"], text)
                    conversations[row["conversation_id"]].messages.append(message)
            passages = int(database.ask(PASSAGES)[0]["count"])
    for agent in agents:
        agent.conversations = [
            one
            for one in conversations.values()
            if found[one.id]["agent_id"] == agent.id and not one.label.endswith(CHECKPOINT)
        ]
    first = folder / "first-agent"
    return OldMemory(agents, first.read_text().strip() if first.exists() else "", passages)


def _copy(data: Path, aside: Path) -> None:
    postgres.check_version(data)
    size = sum(each.stat().st_size for each in data.rglob("*") if each.is_file())
    postgres.check_space(aside.parent, size + GROWTH_BYTES)
    shutil.copytree(data, aside, ignore=shutil.ignore_patterns("postmaster.pid"))
    aside.chmod(0o700)


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
