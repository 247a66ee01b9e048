"""One run of a program: started in a session of its own, its output logged line by line, ended
with its whole tree."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.process_records import Identity
from dev.services import CHECKOUT
from dev.supervisor import process_tree
from dev.supervisor.process_log import LINE_BYTES, ProcessLog

AFTER_END_S = 1.0


class Program:
    """A running program and the task that reads its output."""

    def __init__(
        self,
        child: asyncio.subprocess.Process,
        output: int,
        identity: Identity,
        tag: str,
        log: ProcessLog,
    ) -> None:
        self.identity = identity
        self.tag = tag
        self.log = log
        self._child = child
        self._output = asyncio.create_task(_read(output, log))

    @classmethod
    async def start(
        cls, command: Sequence[str], environ: Mapping[str, str], log: ProcessLog
    ) -> Program:
        tag = secrets.token_hex(8)
        # A pipe of our own: asyncio's would keep the end of the program a secret as long as a child
        # that it left behind holds the pipe open.
        reading, writing = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                cwd=CHECKOUT,
                env={**environ, process_tree.TAG: tag},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
                # honcho signals a launcher's whole group; the program must hear of an end once,
                # from its launcher.
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        # A program that ended at once leaves no start time; nobody will look for it either.
        identity = Identity.of(child.pid) or Identity(child.pid, 0.0)
        return cls(child, reading, identity, tag, log)

    @property
    def running(self) -> bool:
        return self._child.returncode is None

    async def ended(self) -> int:
        """Wait for the end; the exit code, or the negative number of the signal that killed it."""
        return await self._child.wait()

    async def last_words(self) -> None:
        """After its end: wait until all that it said is logged."""
        # A child that it left behind may hold the pipe open; what it says no longer matters.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._output), AFTER_END_S)

    async def end(self) -> list[str]:
        """End it with all it started; a sentence for each process that had to be killed."""
        killed = await asyncio.to_thread(process_tree.end, self.identity, self.tag)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), AFTER_END_S)
        self._output.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._output
        return killed


async def _read(output: int, log: ProcessLog) -> None:
    """Split the output into lines; a line without end is logged in pieces rather than kept in
    memory."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    pipe = os.fdopen(output, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    rest = b""
    try:
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                log.program(line)
            if len(rest) > 4 * LINE_BYTES:
                log.program(rest)
                rest = b""
    finally:
        if rest:
            log.program(rest)
        transport.close()


class Guardian:
    """A shell that waits for this launcher's end and, when it comes unannounced (kill -9), ends
    the program."""

    SCRIPT = 'read -r word || exec "$0" -m dev.supervisor.process_tree end "$1"'

    def __init__(self, record: Path) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", self.SCRIPT, sys.executable, str(record)],
            cwd=CHECKOUT,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """The launcher ends as it should: nothing is left to do."""
        with contextlib.suppress(OSError):
            self._shell.communicate(b"done\n", timeout=1)
