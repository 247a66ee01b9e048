"""Workers that the bench starts beside the system, on the same server and the same models."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psutil

from dev.caller import CallError
from dev.services import CHECKOUT
from tools.bench.subjects import STOCK, Subject

REGISTERED = "registered worker"
"""What livekit-agents logs, as JSON or as text."""
REGISTER_LIMIT_S = 60
END_LIMIT_S = 10
KEPT_LINES = 15


class BenchWorker:
    """A running worker of one of the subjects."""

    def __init__(self, process: asyncio.subprocess.Process, subject: Subject) -> None:
        self.subject = subject
        self.registered_after_s = 0.0
        self._process = process
        self._lines: list[str] = []

    def family(self) -> list[psutil.Process]:
        try:
            worker = psutil.Process(self._process.pid)
            return [worker, *worker.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def wait_registered(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(REGISTER_LIMIT_S):
                while REGISTERED not in (line := await self._read_line()):
                    if not line:
                        raise CallError(
                            f"the worker {self.subject.name} ended:\n" + "\n".join(self._lines)
                        )
        except TimeoutError as error:
            raise CallError(
                f"the worker {self.subject.name} did not register within {REGISTER_LIMIT_S} s:\n"
                + "\n".join(self._lines)
            ) from error
        self.registered_after_s = time.monotonic() - began

    async def drain(self) -> None:
        """Read on, so that the worker never waits for us."""
        while await self._read_line():
            pass

    async def end(self) -> None:
        members = self.family()
        for number in range(2):
            for member in members if number else members[:1]:
                try:
                    member.kill() if number else member.terminate()
                except psutil.NoSuchProcess:
                    continue
            _, members = await asyncio.to_thread(psutil.wait_procs, members, END_LIMIT_S)
        await self._process.wait()

    async def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode(errors="replace")
        self._lines = [*self._lines[-KEPT_LINES:], line.rstrip()]
        return line


@asynccontextmanager
async def bench_worker(
    name: str, agent_name: str, module: tuple[str, ...], environ: Mapping[str, str]
) -> AsyncIterator[BenchWorker]:
    """`python -m MODULE…` until the block ends; given once it is registered as `agent_name`."""
    subject = Subject(
        name,
        livekit_url=environ["LIVEKIT_URL"],
        api_key=environ["LIVEKIT_API_KEY"],
        api_secret=environ["LIVEKIT_API_SECRET"],
        agent_name=agent_name,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module,
        cwd=CHECKOUT,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )  # fmt: skip
    worker = BenchWorker(process, subject)
    draining: asyncio.Task[None] | None = None
    try:
        await worker.wait_registered()
        draining = asyncio.create_task(worker.drain())
        yield worker
    finally:
        if draining is not None:
            draining.cancel()
        await worker.end()


STOCK_AGENT_NAME = "stock-worker"


def stock_worker(environ: Mapping[str, str]) -> AbstractAsyncContextManager[BenchWorker]:
    """`environ`: a program's environment of the system, as dev/ composes it."""
    settings = {
        "OPENAI_BASE_URL": environ["MODELS_URL"],
        "OPENAI_API_KEY": "none",  # the plugins insist on one; the models server takes any
        "STOCK_AGENT_NAME": STOCK_AGENT_NAME,
    }
    module = ("tools.bench.stock_worker", "start")
    return bench_worker(STOCK, STOCK_AGENT_NAME, module, {**environ, **settings})
