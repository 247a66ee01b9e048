"""The real models server as a process of its own, and what is said to it."""

from __future__ import annotations

import os
import signal
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.running_system import ROOT, free_ports
from tests.system.checkout import wait_for

PYTHON = ROOT / ".venv" / "bin" / "python"
SPOKEN = Path(__file__).parent.parent / "spoken"
START_LIMIT_S = 60.0
END_LIMIT_S = 5.0
TELL, ASK = "My favorite color is green.", "What is my favorite color?"
# For the Piper voice, which says nothing twice in the same way: of 25 times understood 25 times.
COFFEE = "I would like a cup of coffee, please."


class Server:
    """`python -m dev.models` on a port of its own."""

    def __init__(self, **settings: str) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://localhost:{self.port}"
        self.process = subprocess.Popen(
            [PYTHON, "-m", "dev.models"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "MODELS_PORT": str(self.port), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_ready(self) -> Server:
        wait_for("the models server answers", self._answers, START_LIMIT_S)
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it with a signal; what it printed."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=END_LIMIT_S)
        return output


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    server = Server(**settings)
    try:
        yield server.wait_ready()
    finally:
        if server.process.poll() is None:
            server.end()


def wav(sentence: str) -> Path:
    return SPOKEN / f"{sentence.lower().rstrip('.?').replace(' ', '_')}.wav"


def pcm(sentence: str) -> bytes:
    """What a microphone hears of a sentence: a moment of quiet before and after it."""
    with wave.open(str(wav(sentence))) as file:
        spoken: bytes = file.readframes(file.getnframes())
    return bytes(9600) + spoken + bytes(3200)
