"""Settings that several rooms share, each declared once, and how a wrong value is told.

A room's settings class is made of these and of what only that room reads. Keys are `SecretStr`, so
that no log line and no traceback shows them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from common import known_secrets

Provider = Literal["offline", "openai", "inference"]
ChatProvider = Literal["offline", "openai", "local"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """Settings that cannot work, told in sentences to the person who made the mistake."""


def url_with(*schemes: str) -> AfterValidator:
    """An address with one of these schemes, a host, and no user name or password."""

    def check(value: str) -> str:
        address = urlsplit(value)
        if address.scheme not in schemes or not address.hostname:
            examples = " or ".join(f"{scheme}://HOST:PORT" for scheme in schemes)
            raise ValueError(f"not an address such as {examples}")
        if "@" in address.netloc:
            raise ValueError("not an address without a user name and password")
        return value.rstrip("/")

    return AfterValidator(check)


SignalUrl = Annotated[str, url_with("ws", "wss", "http", "https")]
HttpUrl = Annotated[str, url_with("http", "https")]


class RoomSettings(BaseSettings):
    """Read from the environment only; an empty value is the same as none."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)


class LogSettings(RoomSettings):
    """How much is logged, and how."""

    log_level: LogLevel = Field(
        default="INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    log_format: LogFormat = Field(
        default="text", description="Form of the log lines: text, or json (one object a line)."
    )


class FaultSettings(RoomSettings):
    """Whether faults may be injected."""

    faults_enabled: bool = Field(
        default=False, description="Allow faults to be injected on purpose; only for tests."
    )


class LiveKitSettings(RoomSettings):
    """Where the LiveKit server is, and how we are known there."""

    livekit_url: SignalUrl = Field(
        default="ws://localhost:7880",
        description="Address of the LiveKit server; one that is not on this machine turns the "
        "livekit process into a monitor.",
    )
    livekit_api_key: str | None = Field(
        default=None,
        description="Key for the LiveKit server; generated on first use when the server is our "
        "own.",
    )
    livekit_api_secret: SecretStr | None = Field(
        default=None, description="Secret that belongs to LIVEKIT_API_KEY; at least 32 characters."
    )
    livekit_agent_name: str = Field(
        default="letta-voice-agent",
        description="Name under which the worker registers and the proxy dispatches.",
    )

    @property
    def livekit_credentials(self) -> tuple[str, str] | None:
        """Key and secret, when both are set."""
        if self.livekit_api_key is None or self.livekit_api_secret is None:
            return None
        return self.livekit_api_key, self.livekit_api_secret.get_secret_value()


LettaBackend = Literal["v1", "app-server"]


class LettaServerSettings(RoomSettings):
    """Where Letta is."""

    letta_base_url: HttpUrl = Field(
        default="http://localhost:8283",
        description="Address of the Letta server; setting it turns the letta process into a "
        "monitor.",
    )
    letta_api_key: SecretStr | None = Field(
        default=None, description="Key for Letta Cloud or a protected Letta server."
    )
    letta_backend: LettaBackend = Field(
        default="app-server",
        description="What Letta speaks: app-server (Letta's App Server, the one started here), or "
        "v1 (REST: Letta Cloud, or a server of one's own); empty: v1 when LETTA_BASE_URL or "
        "LETTA_API_KEY is set, else app-server.",
    )


class ModelsServerSettings(RoomSettings):
    """Where the offline models are."""

    models_url: HttpUrl = Field(
        default="http://localhost:8090/v1", description="Address of the offline models server."
    )


class SpeechSettings(RoomSettings):
    """Where speech comes from."""

    speech: Provider = Field(
        default="offline",
        description="Where speech and language come from: offline, openai or inference.",
    )
    stt_provider: Provider | None = Field(
        default=None,
        description="Speech-to-text alone: offline, openai or inference; empty: as SPEECH.",
    )
    tts_provider: Provider | None = Field(
        default=None,
        description="Text-to-speech alone: offline, openai or inference; empty: as SPEECH.",
    )


class OpenAISettings(RoomSettings):
    """An OpenAI-compatible provider."""

    openai_api_key: SecretStr | None = Field(
        default=None, description="Key for OpenAI or an OpenAI-compatible server."
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Address of OpenAI or an OpenAI-compatible server.",
    )


class SpeechServerSettings(RoomSettings):
    """Other servers for speech alone."""

    stt_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for speech-to-text alone (empty: the provider's "
        "own).",
    )
    tts_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for text-to-speech alone (empty: the provider's "
        "own).",
    )


class LanguageSettings(RoomSettings):
    """What is spoken."""

    stt_language: str = Field(
        default="en", description="Language the caller speaks, as a code such as en."
    )


class ChatSettings(RoomSettings):
    """Where language comes from."""

    chat_provider: ChatProvider | None = Field(
        default=None,
        description="Language model alone: offline (the rehearsal partner, a script), openai, or "
        "local (the first model on this machine that calls tools, such as one of Ollama); empty: "
        "as SPEECH.",
    )


class HomeSettings(RoomSettings):
    """Where state lives."""

    voice_home: str = Field(
        default=".voice", description="Folder of all state; relative to the checkout."
    )


class StatusFilesSettings(RoomSettings):
    """Where the launchers tell how their programs are."""

    process_status_dir: Path | None = Field(
        default=None,
        description="Folder in which the launchers write their status files; empty where no "
        "launcher runs.",
    )


class MediaPortSettings(RoomSettings):
    """Ports through which sound goes."""

    livekit_tcp_port: Port = Field(
        default=7881, description="Port of our own LiveKit server for media over TCP."
    )
    livekit_udp_port: Port = Field(
        default=7882, description="Port of our own LiveKit server for media over UDP."
    )


class ModelsPortSettings(RoomSettings):
    models_port: Port = Field(default=8090, description="Port of the offline models server.")


class LocalUsersSettings(RoomSettings):
    """Who of this machine may ask."""

    local_users: Literal["mine", "all"] = Field(
        default="mine",
        description="Who may use the page, the API and the offline models: mine (only programs of "
        "the user that runs them; told apart on Linux) or all (every user of this machine).",
    )


class LettaPortSettings(RoomSettings):
    letta_port: Port = Field(default=8283, description="Port of our own Letta server.")


class AgentPortSettings(RoomSettings):
    agent_port: Port = Field(default=8091, description="Port of the worker's status.")


class AgentAddressSettings(RoomSettings):
    agent_url: HttpUrl = Field(
        default="http://localhost:8091",
        description="Address of the worker's status (proxy reads it).",
    )


class OwnAgentSettings(RoomSettings):
    own_agent: Literal["on", "off"] = Field(
        default="on",
        description="off: neither our worker nor Letta nor the offline models are started; the "
        "page and the API are for the agents of other workers.",
    )


class ProxyPortSettings(RoomSettings):
    proxy_port: Port = Field(default=9000, description="Port of the page and its API.")


class ListeningSettings(RoomSettings):
    """How the agent listens; a dispatch may change each of them for its call."""

    vad_threshold: float = Field(
        default=0.5,
        ge=0.01,
        le=0.99,
        description="Probability above which sound counts as speech (0 to 1).",
    )
    vad_min_speech: float = Field(
        default=0.064,
        ge=0.01,
        le=2,
        description="Seconds of speech after which the caller counts as speaking.",
    )
    vad_min_silence: float = Field(
        default=0.25,
        ge=0.01,
        le=5,
        description="Seconds of silence after which the caller counts as silent.",
    )
    endpointing_min_delay: float = Field(
        default=0.3,
        ge=0,
        le=10,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "complete.",
    )
    endpointing_max_delay: float = Field(
        default=1.5,
        ge=0,
        le=30,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "unfinished.",
    )
    interruption_min_duration: float = Field(
        default=1.0,
        ge=0,
        le=5,
        description="Seconds the caller must speak to interrupt the agent before any words are "
        'known; words other than "mm-hmm", "right" and the like do it as soon as they are known.',
    )
    interruption_enabled: bool = Field(
        default=True, description="Whether the caller can interrupt the agent by speaking."
    )


LISTENING: Mapping[str, FieldInfo] = ListeningSettings.model_fields
"""What a dispatch may change, by name."""
ENDPOINTING = ("endpointing_min_delay", "endpointing_max_delay")
"""The first may not be longer than the second."""


def can_listen_with(name: str, value: object) -> bool:
    """Whether a call can have this value of a listening setting; by JSON's types."""
    if (info := LISTENING.get(name)) is None:
        return False
    kind = Annotated[info.annotation, info]  # type: ignore[name-defined]
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def revealed(secret: SecretStr | None) -> str | None:
    """The value of a key, for whoever sends it."""
    return None if secret is None else secret.get_secret_value()


Room = TypeVar("Room", bound=BaseSettings)


def load(room: type[Room]) -> Room:
    """The settings of this process's environment; `SettingsError` says all that is wrong."""
    try:
        return room()
    except ValidationError as error:
        raise SettingsError("; ".join(sentences(error, room).values())) from None


EXPECTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
}
"""What the value should have been, for each kind of error that a setting can have."""
NOT = re.compile(r"^Value error, not ")


def sentences(
    error: ValidationError,
    room: type[BaseSettings],
    environ: Mapping[str, str] = os.environ,
    sources: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For each wrong setting a sentence: its name, its value, where it was set (`sources`, where
    that is known), what it must be."""
    return {
        (name := str(details["loc"][0]) if details["loc"] else "").upper() or str(details["msg"]): (
            _sentence(name, dict(details), room, environ, sources)
            if name
            else str(details["msg"]).removeprefix("Value error, ")
        )
        for details in error.errors(include_url=False)
    }


def _sentence(
    name: str,
    details: dict[str, Any],
    room: type[BaseSettings],
    environ: Mapping[str, str],
    sources: Mapping[str, str] | None,
) -> str:
    setting, info = name.upper(), room.model_fields[name]
    value = environ.get(setting, str(details["input"]))
    secret = known_secrets.is_secret(setting, value) or "Secret" in str(info.annotation)
    hidden = secret or "@" in value  # an address may hold a password
    shown = "a value (not shown)" if hidden else f"the value {value!r}"
    if sources is not None:
        shown += f" ({sources.get(setting, 'exported in the shell')})"
    if template := EXPECTED.get(details["type"]):
        expected = template.format(**details.get("ctx", {}))
    elif NOT.match(details["msg"]):
        expected = NOT.sub("", details["msg"])
    else:
        why = details["msg"].removeprefix("Value error, ")
        return f"setting {setting} has {shown}, which is refused: {why}; correct it"
    example = f", such as {default} (the default)" if (default := as_text(info)) else ""
    return f"setting {setting} has {shown}, which is not {expected}; set it to {expected}{example}"


def as_text(info: FieldInfo) -> str:
    """A setting's default as it would be written in `.env`; empty when it has none."""
    default = info.get_default(call_default_factory=True)
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
