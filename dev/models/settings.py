"""Settings of the offline models server, read from the environment."""

from __future__ import annotations

from pydantic import Field

from common.settings import (
    ChatSettings,
    FaultSettings,
    LanguageSettings,
    LocalUsersSettings,
    LogSettings,
    ModelsPortSettings,
)


class ModelsSettings(
    ModelsPortSettings,
    ChatSettings,
    LanguageSettings,
    LocalUsersSettings,
    FaultSettings,
    LogSettings,
):
    """See the descriptions."""

    chat_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server of language models, besides those that are looked "
        "for on this machine (Ollama, LM Studio, llama.cpp, LocalAI, vLLM at their usual ports).",
    )
    models_stt_model: str = Field(
        default="tiny.en",
        description="Whisper model that hears offline: a folder in CTranslate2's format, or a name "
        "such as base.en, small, distil-small.en, large-v3-turbo (another than the default is "
        "fetched once from the hub, huggingface.co).",
    )
    models_voice: str = Field(
        default="en_US-joe-medium",
        description="Piper voice that speaks offline: a folder with its .onnx and .onnx.json, or "
        "its name (another than the default is fetched once from the hub, huggingface.co).",
    )
    models_speed: float = Field(
        default=1.0,
        ge=0.25,
        le=4.0,
        description="How fast the offline voice speaks: 1 is its own pace, 2 twice as fast.",
    )
