"""The system that is measured: the running one, or one of its own that is started and removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from common import process_records
from dev.caller.access import CallError, proxy_url, values_in_use
from dev.environment import compose
from dev.services import CHECKOUT, services
from dev.supervisor import process_tree
from tools.bench.processes import Tree
from tools.bench.subjects import OURS, Subject

COMMAND = CHECKOUT / "restart_voice_system.sh"
START_LIMIT_S = 900
PORTS = (
    "LIVEKIT_PORT", "LIVEKIT_TCP_PORT", "LIVEKIT_UDP_PORT", "MODELS_PORT", "LETTA_PORT",
    "AGENT_PORT", "PROXY_PORT",
)  # fmt: skip


@dataclass
class System:
    """A running system; `exported` is the environment its commands are run with."""

    exported: dict[str, str]
    own: bool  # started by the bench: nobody else uses it

    def __post_init__(self) -> None:
        composed = compose("agent", self.exported, CHECKOUT / ".env")
        if composed.errors:
            raise CallError("\n".join(composed.errors))
        self.environ = composed.environ
        self.home = Path(composed.home)

    @property
    def ours(self) -> Subject:
        return Subject(OURS, proxy_url=proxy_url(self.environ))

    def families(self) -> dict[str, list[psutil.Process]]:
        """The living processes of each program and its launcher, by the name in the Procfile."""
        found: dict[str, list[psutil.Process]] = {}
        for name in services():
            record = process_records.read(self.home, name)
            if record is None:
                continue
            members = process_tree.family(record.program, record.tag) if record.program else []
            launcher = record.launcher.process() if record.launcher else None
            found[name] = members + ([launcher] if launcher else [])
            if record.honcho and (manager := record.honcho.process()):
                found["honcho"] = [manager]
        return found

    def tree(self) -> Tree:
        """The same to be asked often: who descends from the launchers of now."""
        roots: dict[str, psutil.Process] = {}
        for name in services():
            record = process_records.read(self.home, name)
            if record is None:
                continue
            if record.launcher and (launcher := record.launcher.process()):
                roots[name] = launcher
            if record.honcho and (manager := record.honcho.process()):
                roots["honcho"] = manager
        return Tree(roots)

    async def calls_going_on(self) -> int:
        """Jobs of the worker, by its own status."""
        url = self.environ["AGENT_URL"]
        async with aiohttp.ClientSession() as http, http.get(f"{url}/worker") as answer:
            return len((await answer.json())["jobs"])

    async def command(self, *arguments: str, **settings: str) -> float:
        """Run ./restart_voice_system.sh to its end, with these settings exported as well; seconds
        it took. CallError with its output."""
        return await run([str(COMMAND), *arguments], {**self.exported, **settings}, START_LIMIT_S)


async def run(
    command: list[str], environ: dict[str, str], limit_s: float, cwd: Path = CHECKOUT
) -> float:
    """Seconds that a command took; CallError with the end of its output when it failed."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environ, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), limit_s)
    except (TimeoutError, asyncio.CancelledError):
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        told = "\n".join(output.decode(errors="replace").splitlines()[-15:])
        raise CallError(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
    return loop.time() - began


@asynccontextmanager
async def running_system(progress: Callable[[str], None]) -> AsyncIterator[System]:
    """The system of the settings when it answers, else one of our own."""
    values = values_in_use(os.environ)
    url = proxy_url(values)
    if await _answers(f"{url}/healthz"):
        progress(f"measuring the running system at {url}")
        yield System(dict(os.environ), own=False)
        return
    progress(f"no system answers at {url}: starting one for the bench")
    with own_place() as exported:
        system = System(exported, own=True)
        try:
            await system.command()
            yield system
        finally:
            await system.command("stop")


@contextmanager
def own_place() -> Iterator[dict[str, str]]:
    """An environment with a state folder and ports of its own; the folder is removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="voice-bench-"))
    exported = {**os.environ, "VOICE_HOME": str(home), **_free_ports()}
    # Somebody may edit agent/ while it is measured.
    exported.setdefault("AGENT_RELOAD", "false")
    binary = CHECKOUT / ".voice" / "bin" / "livekit-server"
    if binary.exists():
        exported.setdefault("LIVEKIT_SERVER_BIN", str(binary))
    try:
        yield exported
    finally:
        shutil.rmtree(home)


def _free_ports() -> dict[str, str]:
    held = [socket.socket() for _ in PORTS]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return {name: str(each.getsockname()[1]) for name, each in zip(PORTS, held, strict=True)}
    finally:
        for each in held:
            each.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


async def _answers(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=3)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
