"""The real Letta on its real Postgres: what it remembers outlives every way of ending it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from dev.letta import cluster, pidfile, postmaster
from tests.running_system import ROOT, free_ports

PYTHON = ROOT / ".venv" / "bin" / "python"
START_LIMIT_S = 90.0
END_LIMIT_S = 5.0


def wait_for(what: str, condition: Callable[[], Any], limit_s: float) -> Any:
    """The first true value of `condition`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)
    return found


@dataclass
class Letta:
    """`python -m dev.letta` with a state folder and ports of its own."""

    home: Path
    port: int
    models_port: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "VOICE_HOME": str(self.home),
            "LETTA_PORT": str(self.port),
            "MODELS_PORT": str(self.models_port),
            "MODELS_URL": f"http://localhost:{self.models_port}/v1",
            "PATH": os.environ["PATH"],
            "HOME": str(self.home / "nobody writes here"),
        }

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> str:
        return (self.home / "output").read_text()

    def run(self, module: str) -> subprocess.Popen[bytes]:
        with (self.home / "output").open("ab") as output:
            process = subprocess.Popen(
                [PYTHON, "-m", module], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        self.running.append(process)
        return process

    def start(self) -> subprocess.Popen[bytes]:
        process = self.run("dev.letta")
        wait_for("Letta answers", lambda: self.answers(process), START_LIMIT_S)
        return process

    def answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.output
        try:
            return httpx.get(f"{self.url}/v1/health/", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}/v1{path}", timeout=20).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        return httpx.post(f"{self.url}/v1{path}", json=body, timeout=20).raise_for_status().json()

    def first_agent(self) -> str | None:
        file = self.home / "letta" / "first-agent"
        return file.read_text().strip() if file.exists() else None

    def human(self) -> str:
        path = f"/agents/{self.first_agent()}/core-memory/blocks/human"
        return str(self.get(path)["value"])

    def say(self, conversation: str, words: str) -> str:
        """One turn; the reply's words."""
        body = {"messages": [{"role": "user", "content": words}], "stream_tokens": True}
        answer = httpx.post(
            f"{self.url}/v1/conversations/{conversation}/messages", json=body, timeout=60
        ).raise_for_status()
        events = [
            json.loads(line.removeprefix("data: "))
            for line in answer.text.splitlines()
            if line.startswith("data: {")
        ]
        replies = [one for one in events if one.get("message_type") == "assistant_message"]
        return "".join(one["content"] for one in replies)

    def messages(self, conversation: str) -> list[tuple[str, str]]:
        listed = self.get(f"/conversations/{conversation}/messages?order=asc")
        return [
            (one["message_type"].removesuffix("_message"), one["content"])
            for one in listed
            if one["message_type"] in ("user_message", "assistant_message")
        ]

    def end_everything(self) -> None:
        for process in self.running:
            kill(tree(process))
            process.wait()


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """A program and all that it has started, which may be gone by now."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # it died with its parent a moment ago
            one.kill()


@pytest.fixture
def letta(tmp_path: Path) -> Iterator[Letta]:
    port, models_port = free_ports(2)
    one = Letta(tmp_path, port, models_port)
    try:
        yield one
    finally:
        one.end_everything()


def test_memory_outlives_a_kill_of_everything(letta: Letta) -> None:
    # Letta first, its models later: it starts, says what it waits for, and goes on by itself.
    process = letta.start()
    assert letta.get("/agents/") == []
    wait_for("it says what it waits for", lambda: "agents cannot think yet" in letta.output, 10)
    assert f"http://localhost:{letta.models_port}/v1 does not answer" in letta.output
    letta.run("dev.models")
    agent = wait_for("the first agent", letta.first_agent, 60)
    (listed,) = letta.get("/agents/")
    assert listed["id"] == agent
    assert listed["llm_config"]["handle"] == "openai-proxy/rehearsal"
    offered = [model["handle"] for model in letta.get("/models/")]
    assert offered == ["openai-proxy/rehearsal"], "no voice, no embedding"
    blocks = letta.get(f"/agents/{agent}/core-memory/blocks")
    assert {block["label"] for block in blocks} == {"human", "persona"}

    # What is said to it reaches its memory.
    conversation = letta.post(f"/conversations/?agent_id={agent}", {})["id"]
    letta.say(conversation, "My favorite color is green.")
    assert "green" in letta.human()
    # What was heard of a reply can be written down without a reply.
    record = f"/conversations/{conversation}/messages/record"
    said = [{"role": "user", "content": "And now?"}, {"role": "assistant", "content": "Well"}]
    letta.post(record, {"messages": said})
    before = letta.messages(conversation)
    assert before[-2:] == [("user", "And now?"), ("assistant", "Well")]

    # Strangers do not reach it.
    for stranger in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert httpx.get(f"{letta.url}/v1/agents/", headers=stranger).status_code == 403

    # A second one on the same data is refused.
    second = letta.run("dev.letta")
    assert second.wait(20) == 1
    assert f"another Letta already works on {letta.home / 'letta'}" in letta.output

    processes = tree(process)
    assert len(processes) > 4
    data = letta.home / "letta" / "postgres"
    kill(processes)
    psutil.wait_procs(processes, timeout=5)
    process.wait()
    # The dead postmaster's pid may belong to anybody by now: to this test, for example.
    stale = (data / "postmaster.pid").read_text().splitlines()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")

    process = letta.start()
    assert "green" in letta.human()
    assert letta.messages(conversation) == before
    assert [one["id"] for one in letta.get("/agents/")] == [agent]

    # Ended with TERM it leaves nothing behind.
    processes = tree(process)
    process.terminate()
    assert process.wait(END_LIMIT_S) == 0
    _, alive = psutil.wait_procs(processes, timeout=1)
    assert not alive
    assert not (data / "postmaster.pid").exists()
    assert not (letta.home / "nobody writes here").exists()
    assert "Traceback" not in letta.output


@pytest.fixture
def made(tmp_path: Path) -> cluster.Cluster:
    """A cluster in a folder whose path is too long for a socket."""
    deep = tmp_path.joinpath(*["a deep folder"] * 8)
    deep.mkdir(parents=True)
    return cluster.prepare(deep)


def start_postgres(one: cluster.Cluster) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(one.command(), stderr=subprocess.DEVNULL)
    wait_for("Postgres is ready", lambda: (f := pidfile.read(one.data)) and f.ready, 20)
    return process


def ask(one: cluster.Cluster, statement: str) -> str:
    command = [str(one.bin / "psql"), "-h", str(one.sockets), "-U", cluster.USER, "-Atc", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_postgres_alone(made: cluster.Cluster) -> None:
    assert made.sockets_are_temporary
    process = start_postgres(made)
    try:
        ask(made, "CREATE TABLE kept AS SELECT 'yes' AS word")
        ask(made, "CREATE EXTENSION vector")
        assert ask(made, "SELECT 'ÄRGER' ILIKE 'ärger'") == "t"
        # Its postmaster dies alone: what it leaves is cleared away, and nothing is lost.
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        postmaster.clear(made.data)
        process = start_postgres(made)
        assert ask(made, "SELECT word FROM kept") == "yes"
        # A start finds one that is still alive (orphaned): it is ended before another begins.
        postmaster.clear(made.data)
        assert process.wait(1) is not None
        assert not list(made.sockets.iterdir())
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(made.sockets)


def test_a_busy_port_is_told_before_anything_is_made(letta: Letta) -> None:

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", letta.port))
        holder.listen()
        assert letta.run("dev.letta").wait(20) == 1
    assert f"port {letta.port} of this machine cannot be used" in letta.output
    assert "LETTA_PORT" in letta.output
    assert not (letta.home / "letta" / "postgres").exists()
