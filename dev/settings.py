"""Settings of dev/: where state lives, which ports are used, and which services are someone
else's."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Provider = Literal["offline", "openai", "inference"]
ChatProvider = Literal["offline", "openai"]


def _port(default: int, text: str) -> int:
    port: int = Field(default, ge=1, le=65535, description=text)
    return port


class DevSettings(BaseSettings):
    """What the launchers and restart_voice_system.sh read; names and meanings as in the table of
    settings."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    voice_home: str = Field(".voice", description="Folder of all state; relative to the checkout.")
    process_status_dir: str | None = Field(
        None,
        description=(
            "Folder in which the launchers write their status files; empty where no launcher runs."
        ),
    )
    livekit_url: str = Field(
        "ws://localhost:7880",
        description="Address of the LiveKit server; one that is not on this machine turns the "
        "livekit process into a monitor.",
    )
    livekit_api_key: str | None = Field(
        None,
        description=(
            "Key for the LiveKit server; generated on first use when the server is our own."
        ),
    )
    livekit_api_secret: str | None = Field(
        None, description="Secret that belongs to LIVEKIT_API_KEY; at least 32 characters."
    )
    livekit_agent_name: str = Field(
        "letta-voice-agent",
        description="Name under which the worker registers and the proxy dispatches.",
    )
    livekit_server_bin: str | None = Field(
        None, description="Path of a livekit-server to use instead of searching for one."
    )
    letta_base_url: str = Field(
        "http://localhost:8283",
        description=(
            "Address of the Letta server; setting it turns the letta process into a monitor."
        ),
    )
    letta_api_key: str | None = Field(
        None, description="Key for Letta Cloud or a protected Letta server."
    )
    models_url: str = Field(
        "http://localhost:8090/v1", description="Address of the offline models server."
    )
    agent_url: str = Field(
        "http://localhost:8081", description="Address of the worker's status (proxy reads it)."
    )
    speech: Provider = Field(
        "offline",
        description="Where speech and language come from: offline, openai or inference.",
    )
    stt_provider: Provider | None = Field(
        None, description="Speech-to-text alone: offline, openai or inference; empty: as SPEECH."
    )
    tts_provider: Provider | None = Field(
        None, description="Text-to-speech alone: offline, openai or inference; empty: as SPEECH."
    )
    chat_provider: ChatProvider | None = Field(
        None, description="Language model alone: offline or openai; empty: as SPEECH."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of the log lines: text, or json (one object a line)."
    )
    livekit_port: int = _port(7880, "Port of our own LiveKit server (HTTP and WebSocket).")
    livekit_tcp_port: int = _port(7881, "Port of our own LiveKit server for media over TCP.")
    livekit_udp_port: int = _port(7882, "Port of our own LiveKit server for media over UDP.")
    models_port: int = _port(8090, "Port of the offline models server.")
    letta_port: int = _port(8283, "Port of our own Letta server.")
    agent_port: int = _port(8081, "Port of the worker's status.")
    proxy_port: int = _port(9000, "Port of the page and its API.")
