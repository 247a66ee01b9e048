"""The table of services: what each process of the Procfile runs, listens on, needs, and when it
only monitors.

A process must live, but its service may be someone else's: then it is a monitor. Standard library
only, since every launcher keeps this in memory.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent
TABLE = "VOICE_SERVICES_MODULE"  # for tests only
LETTA_CLOUD = "https://api.letta.com"
OWN_AGENT_OFF = "OWN_AGENT is off"
FOR_OWN_AGENT = ("models", "letta", "agent")
"""What only our own agent needs."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Port:
    """A port a service listens on: the setting that moves it, its default and kind."""

    setting: str
    default: int
    kind: str = "tcp"

    def number(self, environ: Mapping[str, str]) -> int:
        return int(environ.get(self.setting) or self.default)


@dataclass(frozen=True)
class Service:
    """One process. `ports[0]` is the one that readiness asks; `probe` names the question in
    readiness.py."""

    name: str
    command: tuple[str, ...]
    ports: tuple[Port, ...]
    probe: str
    settings: str = ""
    prepare: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    keeps: bool = False  # a restart of everything leaves it alone while it is healthy
    code: str = ""  # the folder whose change is a reason to try again
    reload: str = ""  # the setting that lets changed code take over from the program that runs

    @property
    def port(self) -> Port:
        return self.ports[0]


PYTHON = sys.executable

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(
            name="livekit",
            command=(PYTHON, "-m", "dev.livekit"),
            ports=(
                Port("LIVEKIT_PORT", 7880),
                Port("LIVEKIT_TCP_PORT", 7881),
                Port("LIVEKIT_UDP_PORT", 7882, "udp"),
            ),
            probe="livekit",
            code="dev/livekit",
        ),
        Service(
            name="models",
            command=(PYTHON, "-m", "dev.models"),
            ports=(Port("MODELS_PORT", 8090),),
            probe="models",
            settings="dev.models.settings:ModelsSettings",
            code="dev/models",
        ),
        Service(
            name="letta",
            command=(PYTHON, "-m", "dev.letta"),
            ports=(Port("LETTA_PORT", 8283),),
            probe="letta",
            settings="dev.letta.settings:LettaSettings",
            prepare=("letta",),
            keeps=True,
            code="dev/letta",
        ),
        Service(
            name="agent",
            command=(PYTHON, "-m", "agent"),
            ports=(Port("AGENT_PORT", 8091),),
            probe="agent",
            settings="agent.settings:AgentSettings",
            # Not letta, which takes long: the worker registers without it, and a job says what it
            # lacks.
            after=("livekit",),
            code="agent",
            reload="AGENT_RELOAD",
        ),
        Service(
            name="proxy",
            command=(PYTHON, "-m", "proxy"),
            ports=(Port("PROXY_PORT", 9000),),
            probe="proxy",
            settings="proxy.settings:ProxySettings",
            prepare=("page",),
            code="proxy",
        ),
    )
}


def services() -> dict[str, Service]:
    """The table to work with: ours, or that of another module (tests bring their own programs)."""
    if module := os.environ.get(TABLE):
        table: dict[str, Service] = importlib.import_module(module).SERVICES
        return table
    return SERVICES


def monitor_reasons(environ: Mapping[str, str]) -> dict[str, str]:
    """Which services are someone else's, or nobody's, and why, from the settings as the person gave
    them."""
    reasons: dict[str, str] = {}
    if (url := environ.get("LIVEKIT_URL")) and not _ours(
        url, environ.get("LIVEKIT_PORT") or "7880"
    ):
        reasons["livekit"] = f"LIVEKIT_URL is {url}"
    if url := environ.get("LETTA_BASE_URL"):
        reasons["letta"] = f"LETTA_BASE_URL is {url}"
    elif environ.get("LETTA_API_KEY"):
        reasons["letta"] = f"LETTA_API_KEY is set, so Letta Cloud ({LETTA_CLOUD}) is used"
    chosen = providers(environ)
    if not {"offline", "local"} & set(chosen.values()):
        names = ", ".join(f"{role} {provider}" for role, provider in chosen.items())
        reasons["models"] = f"nothing is offline ({names})"
    elif (url := environ.get("MODELS_URL")) and not _ours(
        url, environ.get("MODELS_PORT") or "8090"
    ):
        reasons["models"] = f"MODELS_URL is {url}"
    if environ.get("OWN_AGENT") == "off":
        reasons |= dict.fromkeys(FOR_OWN_AGENT, OWN_AGENT_OFF)
    return reasons


def providers(environ: Mapping[str, str]) -> dict[str, str]:
    """Which provider serves each of stt, tts and chat."""
    speech = environ.get("SPEECH") or "offline"
    return {
        "stt": environ.get("STT_PROVIDER") or speech,
        "tts": environ.get("TTS_PROVIDER") or speech,
        # LiveKit Inference serves no chat to Letta, which then needs OpenAI or the offline model.
        "chat": environ.get("CHAT_PROVIDER") or ("offline" if speech == "inference" else speech),
    }


def _ours(url: str, port: str) -> bool:
    """Whether `url` is the server that this system itself starts on `port`."""
    try:
        parts = urlsplit(url)
        return parts.hostname in LOOPBACK and str(parts.port) == port
    except ValueError:
        return False
