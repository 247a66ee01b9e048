"""`./scripts/letta-import`: carry the agents of the old Letta over into the App Server.

What came along is written down in VOICE_HOME/letta/app-server/imported.json, conversation by
conversation, so that one that was broken off goes on where it was, and nothing comes twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from common.letta.app_server import AppServer
from common.letta.backend import StoredMessage
from common.letta.errors import LettaError
from dev import environment
from dev.letta.__main__ import (
    IMPORTED,
    PROVIDER,
    PYTHON,
    lock,
    read_settings,
    server_command,
    write_down,
)
from dev.letta.console import Problem
from dev.letta.settings import CHECKOUT, LettaSettings
from dev.letta_import import old
from dev.letta_import.old import OldAgent, OldMemory
from dev.letta_import.postgres import child
from dev.letta_import.reciter import Reciter
from dev.supervisor import private_files

START_S, END_S = 60.0, 10.0
DESPERATE_MODEL = "rehearsal"  # of an agent that has none: the next start gives it one


def main(arguments: Sequence[str]) -> int:
    if arguments:
        print(__doc__.partition("\n")[0] if __doc__ else "", "\nusage: scripts/letta-import")
        return 0 if arguments[0] in ("-h", "--help") else 2
    try:
        return asyncio.run(_import())
    except KeyboardInterrupt:
        print("\nbroken off: call it again, and it goes on where it was", file=sys.stderr)
        return 130
    except (Problem, LettaError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1


async def _import() -> int:
    composed = environment.compose("letta", dict(os.environ), CHECKOUT / ".env", make_key=False)
    if composed.errors:
        raise Problem("\n".join(composed.errors))
    os.environ.update(composed.environ)
    settings = read_settings()
    data = settings.folder / "postgres"
    if not (data / "PG_VERSION").exists():
        raise Problem(f"there is no older memory to carry over: {data} is not there")
    home = settings.folder / "app-server"
    private_files.folder(home)
    for folder in (settings.folder, home):  # nobody is at work there, and nobody begins
        try:
            lock(folder)
        except Problem:
            raise Problem(
                f"Letta is running on {folder}: stop it first with ./restart_voice_system.sh stop"
            ) from None
    memory = old.read(settings.folder)
    done = Done(home / IMPORTED)
    if all(done.has(agent) for agent in memory.agents):
        print(f"nothing to do: all {len(memory.agents)} agents of {data} came along before")
        return 0
    models = sorted({agent.model or DESPERATE_MODEL for agent in memory.agents})
    reciter = Reciter(models)
    async with _server(settings, home, reciter) as letta:
        for agent in memory.agents:
            await _carry(agent, letta, reciter, done)
        _first_agent(memory, done, home / "first-agent")
    print(_left(memory))
    print(f"{data} is as it was; remove it when you no longer want it.")
    return 0


class Done:
    """What came along: the new ids by the old ones."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self.ids: dict[str, str] = json.loads(file.read_text())
        except FileNotFoundError:
            self.ids = {}
        except ValueError:
            raise Problem(f"{file} cannot be read: remove it, and all is carried over") from None

    def has(self, agent: OldAgent) -> bool:
        return all(each in self.ids for each in (agent.id, *(c.id for c in agent.conversations)))

    def add(self, before: str, now: str) -> None:
        self.ids[before] = now
        private_files.write(self._file, json.dumps(self.ids, indent=1))


async def _carry(agent: OldAgent, letta: AppServer, reciter: Reciter, done: Done) -> None:
    if agent.id not in done.ids:
        handle = f"{PROVIDER}/{agent.model or DESPERATE_MODEL}"
        done.add(agent.id, (await letta.create_agent(agent.name, agent.blocks, handle)).id)
    agent_id, said = done.ids[agent.id], 0
    for conversation in agent.conversations:
        if conversation.id in done.ids:
            continue
        now = await letta.create_conversation(agent_id, "")
        for asked, reply in turns(conversation.messages):
            if not reply:
                await letta.record(agent_id, now, asked)
                continue
            reciter.reply = reply
            async for _ in letta.run(now, asked):
                pass
        stored = [each.text for each in reversed(await letta.messages(now, 1_000_000))]
        wanted = [each.text for each in conversation.messages]
        if " ".join(stored).split() != " ".join(wanted).split():
            raise Problem(
                f"the conversation {conversation.label!r} of {agent.name} did not come along as it "
                f"was ({len(stored)} of {len(wanted)} messages); what came before it did"
            )
        # It is found by its label, so a half of one never is.
        await letta.label(now, conversation.label)
        done.add(conversation.id, now)
        said += len(wanted)
    count = len(agent.conversations)
    print(f"{agent.name}: {len(agent.blocks)} blocks, {count} conversations, {said} messages")


def turns(messages: Sequence[StoredMessage]) -> list[tuple[list[StoredMessage], str]]:
    """What was asked, with what was heard before it, and the reply; the last may have none."""
    found: list[tuple[list[StoredMessage], str]] = []
    asked: list[StoredMessage] = []
    for message in messages:
        if message.role == "assistant" and any(each.role == "user" for each in asked):
            found.append((asked, message.text))
            asked = []
        elif message.role == "assistant" and found and not asked:
            found[-1] = (found[-1][0], f"{found[-1][1]} {message.text}")
        else:
            asked.append(message)
    return [*found, (asked, "")] if asked else found


def _first_agent(memory: OldMemory, done: Done, file: Path) -> None:
    """A call that names no agent goes on with the one it had."""
    if not file.exists() and memory.first_agent in done.ids:
        private_files.write(file, done.ids[memory.first_agent] + "\n")


def _left(memory: OldMemory) -> str:
    """What could not come along."""
    lines = [
        "not carried over: which tools were called when, and what was thought, in old conversations"
    ]
    for agent in memory.agents:
        if others := [name for name in agent.tools if name not in old.OUR_TOOLS]:
            lines.append(f"{agent.name}: its tools {', '.join(others)} (calls have memory tools)")
        if not agent.system.startswith(old.OUR_PROMPT):
            lines.append(f"{agent.name}: its system prompt; put what matters into a memory block")
        if agent.outside:
            lines.append(f"{agent.name}: {agent.outside} messages outside of any conversation")
    if memory.passages:
        lines.append(f"{memory.passages} passages of archival memory")
    return "\n  ".join(lines)


@asynccontextmanager
async def _server(
    settings: LettaSettings, home: Path, reciter: Reciter
) -> AsyncIterator[AppServer]:
    """The App Server, on a port of its own, thinking with the reciter; its output in a file."""
    runner = web.AppRunner(reciter.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    token, port = secrets.token_urlsafe(32), _free_port()
    ours = settings.model_copy(
        update={"letta_port": port, "chat_provider": "offline", "models_url": endpoint}
    )
    if not PYTHON.exists():
        raise Problem(f"{PYTHON} is missing: run ./scripts/letta-import, which makes it")
    write_down(ours, home, token)
    command, environ = server_command(ours, home)
    log = home / "import.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 (nothing else goes on)
            child(command, "same", signal.SIGTERM),
            cwd=home,
            env=environ,
            stdout=output,
            stderr=output,
        )
    letta = AppServer(f"http://127.0.0.1:{port}", token, home / "import.lock")
    try:
        clock = asyncio.get_running_loop().time
        deadline = clock() + START_S
        while not await letta.is_there(1.0):
            if process.poll() is not None or clock() > deadline:
                raise Problem(f"the App Server does not start: see {log}")
            await asyncio.sleep(0.1)
        yield letta
    finally:
        await letta.aclose()
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        await runner.cleanup()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
