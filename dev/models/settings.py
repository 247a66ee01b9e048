"""Settings of the offline models server, read from the environment."""

from __future__ import annotations

from pydantic import Field

from common.settings import FaultSettings, LogSettings, ModelsPortSettings


class ModelsSettings(ModelsPortSettings, FaultSettings, LogSettings):
    """See the descriptions."""

    models_voice: str = Field(
        default="en-us+edward",
        description="Voice of espeak-ng that speaks offline; `en-us` for another.",
    )
    models_speed: int = Field(
        default=165, ge=80, le=450, description="Words a minute of the offline voice."
    )
