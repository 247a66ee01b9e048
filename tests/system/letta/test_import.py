"""What the old Letta remembered is remembered by the App Server after ./scripts/letta-import."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from common.letta.backend import Backend, StoredMessage
from dev.letta.__main__ import lock
from dev.letta_import import old, postgres
from dev.letta_import.__main__ import turns
from tests.running_system import ROOT, free_ports
from tests.system.letta.conftest import RECORD, RECORDINGS
from tests.system.letta.lettas import Letta, connected, letta_of
from tests.system.letta.test_backends import Said, turn, user, words

KITCHEN = ["hello", "my name is Grace", "and now?", "go on"]
BO = {"human": "a sailor", "persona": 'I am Bo.\nI say "ahoy".', "boat": "The Ümlaut, 12 m"}
MEMORY = RECORDINGS / "memory.sql"
READ = (
    "agents", "block", "blocks_agents", "tools", "tools_agents", "messages", "conversations",
    "conversation_messages", "archival_passages", "voice_system",
)  # fmt: skip
WITHOUT_TEXTS_OF_LETTA = """
UPDATE agents SET system = left(system, 30), tool_rules = NULL;
UPDATE tools SET source_code = NULL, json_schema = NULL, description = NULL;
UPDATE tools SET args_json_schema = NULL;
DELETE FROM messages WHERE role = 'system'"""
OWN_PROMPT = "its system prompt; put what matters into a memory block"


def test_a_conversation_is_held_again_turn_by_turn() -> None:
    def said(*texts: str) -> list[StoredMessage]:
        return [StoredMessage("user" if t.islower() else "assistant", t) for t in texts]

    assert turns([]) == []
    assert turns(said("a", "B")) == [(said("a"), "B")]
    assert turns(said("a", "b", "C", "D", "e")) == [(said("a", "b"), "C D"), (said("e"), "")]
    assert turns(said("G", "a", "B")) == [(said("G", "a"), "B")]
    assert turns(said("G")) == [(said("G"), "")]


@pytest.mark.parametrize(
    ("role", "text", "calls", "said"),
    [
        ("user", "hello", [], "hello"),
        ("user", '{"type": "user_message", "message": "hello"}', [], "hello"),
        ("user", '{"type": "heartbeat", "reason": "x"}', [], ""),
        ("user", "[1]", [], "[1]"),
        ("user", "12", [], "12"),
        ("assistant", "I think", [("send_message", '{"message": "Hi."}')], "Hi."),
        ("assistant", "Hm.", [("memory_insert", "{}"), ("send_message", "no JSON")], "Hm."),
        ("assistant", "", [("send_message", "[]")], ""),
    ],
)
def test_agents_of_old_types_are_understood(
    role: str, text: str, calls: list[tuple[str, str]], said: str
) -> None:
    asked = [{"function": {"name": name, "arguments": given}} for name, given in calls]
    content = [{"type": "reasoning", "text": "no"}, {"type": "text", "text": text}]
    assert old._text({"role": role, "content": content, "tool_calls": asked or None}) == said
    assert old._text({"role": "user", "content": None, "tool_calls": None}) == ""


def carry_over(letta: Letta) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./scripts/letta-import"],
        cwd=ROOT,
        env=letta.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def told_to(letta: Letta, asked: Callable[[Backend], Awaitable[None]]) -> None:
    async def ask() -> None:
        async with connected(letta) as backend:
            await asked(backend)

    asyncio.run(ask())


def prints(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


async def _live(backend: Backend) -> None:
    """What somebody did with the old Letta."""
    (ada,) = await backend.agents(10)
    kitchen = await backend.create_conversation(ada.id, "voice room kitchen")
    for text in KITCHEN[:2]:
        await turn(backend, kitchen, user(text))
    # Of the reply to the one before only the beginning was heard.
    await turn(backend, kitchen, user(KITCHEN[2]), Said("assistant", "Well"), user(KITCHEN[3]))
    await backend.mark(kitchen, "voice room kitchen (checkpoint)")
    bo = await backend.create_agent("Bo", BO)
    harbour = await backend.create_conversation(bo.id, "voice room harbour")
    await turn(backend, harbour, user("count to five"))


async def _see(backend: Backend) -> None:
    ada, bo = await backend.agents(10)
    assert (ada.name, bo.name) == ("Ada", "Bo"), "in the order in which they were made"
    assert {b.label: b.value for b in await backend.blocks(bo.id)} == BO
    (kitchen,) = await backend.conversations(ada.id, "voice room kitchen")
    said = [(each.role, each.text) for each in reversed(await backend.messages(kitchen.id, 50))]
    assert [text for role, text in said if role == "user"] == KITCHEN
    assert said[-3] == ("assistant", "Well") and said[-1][0] == said[3][0] == "assistant"
    (harbour,) = await backend.conversations(bo.id, "voice room harbour")
    counted, asked = await backend.messages(harbour.id, 50)
    assert asked.text == "count to five" and counted.text == "One, two, three, four, five."
    # And it goes on, with the model that there is now.
    assert "Grace" in words(await turn(backend, kitchen.id, user("what is my name?")))


@pytest.fixture
def home_of_v1(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """With what the real V1 server has left: of now with --full, else of the day of recording."""
    data = tmp_path / "letta" / "postgres"
    if not request.config.getoption("--full"):
        data.parent.mkdir()
        with postgres.running(data) as database:
            database.tell("CREATE EXTENSION vector; CREATE SEQUENCE messages_sequence_id_seq")
            database.tell(MEMORY.read_text())
        return tmp_path
    with letta_of("v1", tmp_path) as before:
        told_to(before, _live)
    if RECORD:
        with postgres.running(data) as database:
            database.tell(WITHOUT_TEXTS_OF_LETTA)
            where = ["-h", str(database.sockets), "-U", postgres.USER, "--column-inserts"]
            sections = ["--section=pre-data", "--section=data", "--no-owner"]
            tables = [f"--table={name}" for name in READ]
            dump = [str(database.bin / "pg_dump"), *where, *sections, *tables]
            MEMORY.write_text(subprocess.check_output(dump, text=True))
    return tmp_path


def test_agents_blocks_and_conversations_come_along_once(home_of_v1: Path) -> None:
    tmp_path, data = home_of_v1, home_of_v1 / "letta" / "postgres"
    unchanged = prints(data)
    after = Letta("app-server", tmp_path, *free_ports(2))
    held = lock(tmp_path / "letta")
    refused = carry_over(after)
    assert refused.returncode == 1 and "restart_voice_system.sh stop" in refused.stdout
    os.close(held)

    done = carry_over(after)
    assert done.returncode == 0, done.stdout
    assert "Ada: 2 blocks, 1 conversations, 8 messages" in done.stdout
    assert "Bo: 3 blocks, 1 conversations, 2 messages" in done.stdout
    assert f"Bo: {OWN_PROMPT}" in done.stdout
    again = carry_over(after)
    assert again.returncode == 0 and "nothing to do: all 2 agents" in again.stdout
    assert prints(data) == unchanged

    with after.models(), after.app_server():
        told_to(after, _see)
    assert "older memory" not in after.output


def test_an_older_memory_is_told_of_and_an_absent_one_refused(tmp_path: Path) -> None:
    letta = Letta("app-server", tmp_path, 1, 2)
    refused = carry_over(letta)
    assert refused.returncode == 1 and "there is no older memory" in refused.stdout
    with letta_of("app-server", tmp_path) as running:
        assert "older memory" not in running.output
    data = tmp_path / "letta" / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("17\n")
    with running.app_server():
        assert f"there is an older memory in {data}" in running.output
        assert "./scripts/letta-import" in running.output
    refused = carry_over(letta)
    assert refused.returncode == 1 and "written by Postgres 17" in refused.stdout
    assert "Traceback" not in refused.stdout
