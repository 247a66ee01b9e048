"""Settings of the offline models server, read from the environment."""

from __future__ import annotations

from pydantic import Field

from common.settings import FaultSettings, LogSettings, ModelsPortSettings


class ModelsSettings(ModelsPortSettings, FaultSettings, LogSettings):
    """See the descriptions; lengths in words or processes as they say."""

    models_voice: str = Field(
        default="en-us+edward",
        description="Voice of espeak-ng that speaks offline; `en-us` for another.",
    )
    models_speed: int = Field(
        default=165, ge=80, le=450, description="Words a minute of the offline voice."
    )
    models_stt_workers: int = Field(
        default=10, ge=1, le=64, description="Most voices heard offline at once, a process each."
    )
