"""Settings of our own Letta, read from the environment."""

from pathlib import Path

from pydantic import Field

from common.settings import (
    ChatSettings,
    HomeSettings,
    LettaPortSettings,
    LettaServerSettings,
    LogSettings,
    ModelsServerSettings,
    OpenAISettings,
    SpeechSettings,
)

CHECKOUT = Path(__file__).resolve().parents[2]
# What the first agent thinks with when CHAT_MODEL is not set.
OFFLINE_MODEL = "rehearsal"
LOCAL_MODEL = "local"  # the models server knows which (dev/models/local_models.py)
OPENAI_MODEL = "gpt-4.1-mini"


class LettaSettings(
    HomeSettings,
    LettaPortSettings,
    LettaServerSettings,
    ModelsServerSettings,
    SpeechSettings,
    ChatSettings,
    OpenAISettings,
    LogSettings,
):
    """What `python -m dev.letta` reads."""

    chat_model: str | None = Field(
        default=None,
        description="Chat model of the agents of our own Letta server; "
        f"empty: {OFFLINE_MODEL} when offline, else {OPENAI_MODEL}.",
    )

    @property
    def folder(self) -> Path:
        """Where everything of Letta lies."""
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
        if self.chat_model:
            return self.chat_model
        if self.chat_provider == LOCAL_MODEL:
            return LOCAL_MODEL
        return OFFLINE_MODEL if self.chat_offline else OPENAI_MODEL
