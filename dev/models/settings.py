"""Settings of the offline models server, read from the environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelsSettings(BaseSettings):
    """See the descriptions; lengths in words or processes as they say."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    models_port: int = Field(
        default=8090,
        ge=1,
        le=65535,
        description="Port of the offline models server.",
    )
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
    faults_enabled: bool = Field(
        default=False, description="Allow faults to be injected on purpose; only for tests."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log lines: text, or json (one object a line)."
    )
