"""Every setting of the proxy: name, default and help, read from the environment only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from common import known_secrets
from common import settings as shared
from common.redaction import Redactor
from common.settings import (
    AgentAddressSettings,
    ChatSettings,
    FaultSettings,
    LettaServerSettings,
    ListeningSettings,
    LiveKitSettings,
    LocalUsersSettings,
    LogSettings,
    MediaPortSettings,
    ModelsServerSettings,
    OpenAISettings,
    OwnAgentSettings,
    ProxyPortSettings,
    SpeechServerSettings,
    SpeechSettings,
    StatusFilesSettings,
)

CHECKOUT = Path(__file__).resolve().parent.parent


def _postgres(value: SecretStr) -> SecretStr:
    address = urlsplit(value.get_secret_value())
    schemes = ("postgresql", "postgres", "postgresql+asyncpg")
    if address.scheme not in schemes or not (address.netloc or address.query):
        raise ValueError("not an address such as postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return value


PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres)]


class ProxySettings(
    LiveKitSettings,
    LettaServerSettings,
    ModelsServerSettings,
    SpeechSettings,
    ChatSettings,
    OpenAISettings,
    SpeechServerSettings,
    MediaPortSettings,
    AgentAddressSettings,
    OwnAgentSettings,
    ProxyPortSettings,
    StatusFilesSettings,
    ListeningSettings,
    LocalUsersSettings,
    FaultSettings,
    LogSettings,
):
    """Settings of the proxy. An empty value is the same as none."""

    agent_check: bool = Field(
        default=True,
        description="Whether the proxy asks the worker at AGENT_URL before it dispatches; false "
        "when the worker runs elsewhere or several share the name.",
    )
    agent_join_timeout: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds after a dispatch in which the agent must have joined the room.",
    )
    dispatch_wait: float = Field(
        default=600.0,
        gt=0,
        le=86400,
        description="Seconds for which a dispatch waits for a worker to register.",
    )
    livekit_timeout: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds the proxy waits for one answer of the LiveKit server.",
    )
    proxy_allowed_hosts: str = Field(
        default="",
        description="Further values of the Host header that are answered, separated by commas; "
        "localhost, 127.0.0.1 and [::1] with PROXY_PORT always are.",
    )
    proxy_allowed_origins: str = Field(
        default="",
        description="Further origins whose pages may use the API, separated by commas; the page's "
        "own always may.",
    )
    observe_rooms: bool = Field(
        default=True,
        description="Whether rooms with another agent than ours are watched from inside, by a "
        "hidden participant that hears data and no media.",
    )
    agents: str = Field(
        default="",
        description="Names under which other workers are registered at this LiveKit server, "
        "separated by commas: the page offers them. LiveKit has no list of them.",
    )
    memory_low_mb: int = Field(
        default=512,
        ge=0,
        description="Megabytes of available memory below which the machine counts as out of it.",
    )
    disk_low_mb: int = Field(
        default=200,
        ge=0,
        description="Megabytes free on the disk of VOICE_HOME below which it counts as full.",
    )
    calls_database: Path | None = Field(
        default=None,
        description="File in which calls are kept (SQLite; default: calls.db in VOICE_HOME; "
        "without a launcher only while the proxy runs).",
    )
    database_url: PostgresUrl | None = Field(
        default=None,
        description="Postgres in which calls are kept instead of CALLS_DATABASE, such as "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    )
    call_events_max: int = Field(
        default=20000,
        ge=100,
        le=1_000_000,
        description="Events kept of one call; figures are thinned out before it is full.",
    )
    calls_kept: int = Field(
        default=500, ge=1, description="Calls that are kept; older ones are deleted."
    )
    calls_kept_days: float = Field(
        default=30.0, gt=0, description="Days for which a call is kept at most."
    )

    @property
    def hosts(self) -> frozenset[str]:
        """Every Host header that is answered, in lower case."""
        own = {f"{name}:{self.proxy_port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        if self.proxy_port == 80:
            own |= {"localhost", "127.0.0.1", "[::1]"}
        return frozenset(own | set(_listed(self.proxy_allowed_hosts.lower())))

    @property
    def origins(self) -> frozenset[str]:
        """Every origin whose pages may call the API, in lower case, without a slash at the end."""
        own = {f"http://{host}" for host in self.hosts}
        listed = {each.rstrip("/") for each in _listed(self.proxy_allowed_origins.lower())}
        return frozenset(own | listed)

    @property
    def own_name(self) -> str:
        """The name of our own agent; empty when there is none."""
        return self.livekit_agent_name if self.own_agent == "on" else ""

    @property
    def asks_worker(self) -> bool:
        """Whether the worker at AGENT_URL is ours, and is asked before a dispatch."""
        return self.agent_check and self.own_agent == "on"

    @property
    def other_agents(self) -> list[str]:
        """The names of AGENTS, in their order."""
        return list(dict.fromkeys(_listed(self.agents)))

    @property
    def livekit_http_url(self) -> str:
        """LIVEKIT_URL for requests instead of a WebSocket."""
        address = urlsplit(self.livekit_url)
        return address._replace(scheme=address.scheme.replace("ws", "http")).geturl()

    def redactor(self) -> Redactor:
        """One for what leaves the proxy as a file: it knows every secret of this process, of `.env`
        and of VOICE_HOME."""
        folder = self.process_status_dir
        home = folder.parent if folder is not None else None
        held = (*self.secrets, self.livekit_api_key or "")
        return known_secrets.redactor(os.environ, CHECKOUT / ".env", home, held)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never leave the proxy."""
        held = (
            self.livekit_api_secret,
            self.letta_api_key,
            self.openai_api_key,
            self.database_url,
        )
        values = [each.get_secret_value() for each in held if each is not None]
        if self.database_url is not None:
            password = urlsplit(self.database_url.get_secret_value()).password
            values += [password, unquote(password)] if password else []
        return tuple(values)


def _listed(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]


def load() -> ProxySettings:
    """The settings of this process; `SettingsError` says which are wrong and how to mend them."""
    return shared.load(ProxySettings)
