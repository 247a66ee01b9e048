"""Our own App Server as a program: what it remembers outlives every way of ending it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import httpx
import psutil
import pytest

from common.letta.backend import Backend
from common.letta.errors import LettaError
from tests.running_system import ROOT, free_ports, new_system
from tests.system.checkout import wait_for
from tests.system.letta.lettas import PYTHON, Letta, connected
from tests.system.letta.test_backends import Said, turn, user, words

START_S, END_S = 60.0, 5.0
LATE_S = 2.5  # a server that lists its models after so long is too late for the App Server
LABEL = "voice room kitchen"


class Runs(Letta):
    """`python -m dev.letta` and the models, each started and ended by hand."""

    def __init__(self, home: Path) -> None:
        super().__init__("app-server", home, *free_ports(2))
        self.processes: list[subprocess.Popen[bytes]] = []

    def run(self, module: str) -> subprocess.Popen[bytes]:
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(
                [PYTHON, "-m", module], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        self.processes.append(process)
        return process

    def start(self) -> subprocess.Popen[bytes]:
        process = self.run("dev.letta")
        wait_for("Letta answers", lambda: self._ready(process), START_S)
        return process

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.output
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        return False

    def end_everything(self) -> None:
        for process in self.processes:
            kill(tree(process))
            process.wait()


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A program and all that it has started, which may be gone by now."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _listens(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def kill(processes: list[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # it died with its parent a moment ago
            one.kill()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    one = Runs(tmp_path)
    try:
        yield one
    finally:
        one.end_everything()


async def _live(backend: Backend) -> tuple[str, list[str]]:
    """What somebody does with it: the conversation, and the words in it."""
    (ada,) = await backend.agents(10)
    conversation = await backend.create_conversation(ada.id, LABEL)
    await turn(backend, conversation, user("my favorite color is green"))
    last = [user("and now?"), Said("assistant", "Well")]
    assert await backend.record(ada.id, conversation, last)
    return conversation, await _texts(backend, conversation)


async def _texts(backend: Backend, conversation: str) -> list[str]:
    return [each.text for each in reversed(await backend.messages(conversation, 20))]


async def _remembered(letta: Letta, conversation: str, before: list[str]) -> None:
    async with connected(letta) as backend:
        (ada,) = await backend.agents(10)
        assert "green" in {b.label: b.value for b in await backend.blocks(ada.id)}["human"]
        assert [each.id for each in await backend.conversations(ada.id, LABEL)] == [conversation]
        assert await _texts(backend, conversation) == before
        said = await turn(backend, conversation, user("what is my favorite color?"))
        assert "green" in words(said)


async def _asked_by_a_stranger(letta: Letta) -> list[int]:
    """Statuses of the ways in, without the token and with a wrong one."""
    statuses = []
    async with aiohttp.ClientSession() as http:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for path in ("/ws", "/", "/app-server-info", "/v1/agents"):
                try:
                    async with http.ws_connect(f"{letta.url}{path}", headers=headers):
                        statuses.append(101)
                except aiohttp.WSServerHandshakeError as refused:
                    statuses.append(refused.status)
    return statuses


def test_memory_outlives_a_kill_of_everything(runs: Runs) -> None:
    # Letta first, its models later: it starts, says what it waits for, and goes on by itself.
    process = runs.start()
    wait_for("it says what it waits for", lambda: "agents cannot think yet" in runs.output, 20)
    first_agent = runs.home / "letta" / "app-server" / "first-agent"
    assert not first_agent.exists()
    runs.run("dev.models")
    wait_for("the first agent", first_agent.exists, 60)

    async def live() -> tuple[str, list[str]]:
        async with connected(runs) as backend:
            return await _live(backend)

    conversation, before = asyncio.run(live())
    assert before[-2:] == ["and now?", "Well"]
    assert all(status in (401, 403, 404) for status in asyncio.run(_asked_by_a_stranger(runs)))

    # A second one on the same data is refused, and one on its port.
    second = subprocess.run(
        [PYTHON, "-m", "dev.letta"],
        cwd=ROOT,
        env={**runs.environ, "LETTA_PORT": str(free_ports(1)[0])},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert second.returncode == 1
    assert f"another Letta already works on {runs.home / 'letta' / 'app-server'}" in second.stderr
    assert runs.run("dev.letta").wait(20) == 1
    assert f"port {runs.port} is held by another Letta: to use that one" in runs.output

    processes = tree(process)
    kill(processes)
    psutil.wait_procs(processes, timeout=5)
    process.wait()
    process = runs.start()
    asyncio.run(_remembered(runs, conversation, before))

    # Ended with TERM it leaves nothing behind.
    processes = tree(process)
    process.terminate()
    assert process.wait(END_S) in (0, -signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=1)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert not (runs.home / "nobody writes here").exists()
    assert "Traceback" not in runs.output


@pytest.mark.parametrize("left", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_an_agent_whose_memory_was_being_written_can_remember_again(runs: Runs, left: str) -> None:
    """What git leaves when it is killed in a write: made here, for the moment cannot be met."""
    server = runs.start()
    runs.run("dev.models")
    wait_for("the first agent", (runs.home / "letta/app-server/first-agent").exists, START_S)

    async def told() -> tuple[str, str]:
        async with connected(runs) as backend:
            (ada,) = await backend.agents(10)
            conversation = await backend.create_conversation(ada.id, LABEL)
            return ada.id, words(await turn(backend, conversation, user("my name is robert")))

    ada, reply = asyncio.run(told())
    assert "robert" in reply.lower()
    memories = runs.home / "letta" / "app-server" / ".letta" / "lc-local-backend" / "memfs"
    lock = memories / ada / "memory" / ".git" / left
    lock.touch()

    async def write(value: str) -> str:
        async with connected(runs) as backend:
            await backend.write_block(ada, "human", value, "told by a test")
            return {block.label: block.value for block in await backend.blocks(ada)}["human"]

    with pytest.raises(LettaError, match="the memory of this agent is locked") as locked:
        asyncio.run(write("name: Rob"))
    assert "./restart_voice_system.sh letta" in locked.value.next_step
    kill(tree(server))
    server.wait()
    runs.start()
    assert not lock.exists() and f"unlocked the memory of {ada}" in runs.output
    assert asyncio.run(write("name: Bob")) == "name: Bob"


def test_the_first_turn_after_a_start_finds_its_model(runs: Runs) -> None:
    server, models = runs.start(), runs.run("dev.models")
    wait_for("the first agent", (runs.home / "letta/app-server/first-agent").exists, START_S)
    for process in (server, models):
        kill(tree(process))
        process.wait()
    runs.start()

    async def asks() -> str:
        async with connected(runs) as backend:
            (ada,) = await backend.agents(10)
            conversation = await backend.create_conversation(ada.id, LABEL)
            return words(await turn(backend, conversation, user("hello")))

    with pytest.raises(LettaError, match="did not list rehearsal: it does not run"):
        asyncio.run(asks())
    models = runs.run("dev.models")
    wait_for("the models listen", lambda: _listens(runs.models_port), START_S)
    os.kill(models.pid, signal.SIGSTOP)
    threading.Timer(LATE_S, os.kill, (models.pid, signal.SIGCONT)).start()
    assert asyncio.run(asks())


def test_a_busy_port_is_told_before_anything_is_made(runs: Runs) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", runs.port))
        holder.listen()
        assert runs.run("dev.letta").wait(20) == 1
    assert f"port {runs.port} of this machine cannot be used" in runs.output
    assert "LETTA_PORT" in runs.output
    assert not (runs.home / "letta").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(runs: Runs) -> None:
    runs.home.chmod(0o500)
    done = subprocess.run(
        [PYTHON, "-m", "dev.letta"], cwd=ROOT, env=runs.environ, capture_output=True, text=True
    )
    assert done.returncode == 1 and "cannot write to" in done.stderr


@pytest.mark.long
def test_a_call_with_a_v1_server_is_remembered_after_a_full_restart(tmp_path: Path) -> None:
    """The recordings have what each request does; here a whole system uses a real one."""
    (tmp_path / "v1").mkdir()
    v1 = Letta("v1", tmp_path / "v1", *free_ports(2))
    system = new_system(tmp_path / "home", LETTA_BASE_URL=v1.url)

    def says(*words: str) -> str:
        with v1.models(), v1.v1():
            try:
                system.start()
                done = subprocess.run(
                    ["./scripts/talk", *words],
                    cwd=ROOT,
                    env=system.environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
            finally:
                system.stop()
        return done.stdout + done.stderr

    told = says("my name is robert")
    assert "obert" in told, told
    asked = says("what is my name")
    assert "obert" in asked, asked
