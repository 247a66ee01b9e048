"""Settings of the offline models server, read from the environment."""

from __future__ import annotations

from pydantic import Field

from common.settings import FaultSettings, LogSettings, ModelsPortSettings


class ModelsSettings(ModelsPortSettings, FaultSettings, LogSettings):
    """See the descriptions."""

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
