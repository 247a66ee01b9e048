"""Settings of the embedded Letta server, read from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[2]
# What the first agent thinks with when CHAT_MODEL is not set.
OFFLINE_MODEL = "rehearsal"
OPENAI_MODEL = "gpt-4.1-mini"


class LettaSettings(BaseSettings):
    """What `python -m dev.letta` reads; names and meanings as in the table of settings."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    letta_port: int = Field(
        default=8283, ge=1, le=65535, description="Port of our own Letta server."
    )
    voice_home: str = Field(
        default=".voice", description="Folder of all state; relative to the checkout."
    )
    models_url: str = Field(
        default="http://localhost:8090/v1", description="Address of the offline models server."
    )
    speech: Literal["offline", "openai", "inference"] = Field(
        default="offline",
        description="Where speech and language come from: offline, openai or inference.",
    )
    chat_provider: Literal["offline", "openai"] | None = Field(
        default=None, description="Language model alone: offline or openai; empty: as SPEECH."
    )
    chat_model: str | None = Field(
        default=None,
        description="Chat model of the agents of our own Letta server; "
        f"empty: {OFFLINE_MODEL} when offline, else {OPENAI_MODEL}.",
    )
    openai_api_key: str | None = Field(
        default=None, description="Key for OpenAI or an OpenAI-compatible server."
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Address of OpenAI or an OpenAI-compatible server.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log lines: text, or json (one object a line)."
    )

    @property
    def folder(self) -> Path:
        """Where everything of Letta and its Postgres lies."""
        return (CHECKOUT / Path(self.voice_home).expanduser() / "letta").resolve()

    @property
    def chat_offline(self) -> bool:
        """LiveKit Inference serves no chat to Letta, so `inference` alone leaves it offline."""
        return (self.chat_provider or self.speech) != "openai"

    @property
    def model_endpoint(self) -> str:
        """The OpenAI-compatible address the agents' models are asked at."""
        return self.models_url if self.chat_offline else self.openai_base_url

    @property
    def model(self) -> str:
        return self.chat_model or (OFFLINE_MODEL if self.chat_offline else OPENAI_MODEL)
