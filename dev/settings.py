"""Settings of dev/: where state lives, which ports are used, and what is someone else's."""

from pydantic import Field

from common.settings import (
    AgentAddressSettings,
    AgentPortSettings,
    ChatSettings,
    HomeSettings,
    LettaPortSettings,
    LettaServerSettings,
    LiveKitSettings,
    LogSettings,
    MediaPortSettings,
    ModelsPortSettings,
    ModelsServerSettings,
    OwnAgentSettings,
    Port,
    ProxyPortSettings,
    SpeechSettings,
    StatusFilesSettings,
)


class DevSettings(
    HomeSettings,
    StatusFilesSettings,
    MediaPortSettings,
    ModelsPortSettings,
    LettaPortSettings,
    AgentPortSettings,
    ProxyPortSettings,
    OwnAgentSettings,
    SpeechSettings,
    ChatSettings,
    LogSettings,
):
    """What the launchers and restart_voice_system.sh read and judge."""

    livekit_server_bin: str | None = Field(
        default=None, description="Path of a livekit-server to use instead of searching for one."
    )
    livekit_port: Port = Field(
        default=7880, description="Port of our own LiveKit server (HTTP and WebSocket)."
    )


class DevAddresses(
    LiveKitSettings, LettaServerSettings, ModelsServerSettings, AgentAddressSettings
):
    """What they read as well, and leave to be judged by the room that asks there: a program that
    does not need an address starts without it."""
