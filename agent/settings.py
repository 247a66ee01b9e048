"""Everything a person can set of the worker: one table of names, defaults and help.

`load()` returns the settings or raises `SettingsError`, whose text is meant for the person who made
the mistake.
"""

from __future__ import annotations

import os
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Provider = Literal["offline", "openai", "inference"]
HTTP = ("http", "https")
NO_TIMELINE = "off"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """Settings that cannot work, told in sentences."""


class AgentSettings(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    livekit_url: str = Field(
        default="ws://localhost:7880",
        description="Address of the LiveKit server; one that is not on this machine turns the "
        "livekit process "
        "into a monitor.",
    )
    livekit_api_key: str | None = Field(
        default=None,
        description="Key for the LiveKit server; generated on first use when the server is our "
        "own.",
    )
    livekit_api_secret: str | None = Field(
        default=None, description="Secret that belongs to LIVEKIT_API_KEY; at least 32 characters."
    )
    livekit_agent_name: str = Field(
        default="letta-voice-agent",
        description="Name under which the worker registers and the proxy dispatches.",
    )
    letta_base_url: str = Field(
        default="http://localhost:8283",
        description="Address of the Letta server; setting it turns the letta process into a "
        "monitor.",
    )
    letta_api_key: str | None = Field(
        default=None, description="Key for Letta Cloud or a protected Letta server."
    )
    letta_agent_id: str | None = Field(
        default=None,
        description="Letta agent to use when a dispatch names none; otherwise the first one Letta "
        "lists.",
    )
    letta_first_token_timeout: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="Seconds to wait for the first sign of a reply from Letta before the turn is "
        "given up.",
    )

    letta_patience: float = Field(
        default=120.0,
        ge=0,
        le=3600,
        description="Seconds for which a call waits for a Letta that is away before it gives the "
        "turn up.",
    )

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
    openai_api_key: str | None = Field(
        default=None, description="Key for OpenAI or an OpenAI-compatible server."
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Address of OpenAI or an OpenAI-compatible server.",
    )
    stt_model: str | None = Field(
        default=None,
        description="Model for speech-to-text, such as gpt-4o-mini-transcribe, or deepgram/nova-3 "
        "with "
        "inference (empty: the provider's default).",
    )
    stt_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for speech-to-text alone (empty: the provider's "
        "own).",
    )
    stt_language: str = Field(
        default="en", description="Language the caller speaks, as a code such as en."
    )
    tts_model: str | None = Field(
        default=None,
        description="Model for text-to-speech, such as gpt-4o-mini-tts, or cartesia/sonic-3 with "
        "inference "
        "(empty: the provider's default).",
    )
    tts_voice: str | None = Field(
        default=None, description="Voice for text-to-speech (empty: the provider's default)."
    )
    tts_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for text-to-speech alone (empty: the provider's "
        "own).",
    )
    models_url: str = Field(
        default="http://localhost:8090/v1", description="Address of the offline models server."
    )
    provider_concurrency: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Requests of one call that are in flight at each provider (Letta, "
        "speech-to-text, text-to-speech); as many more wait. All calls together can have this "
        "times AGENT_MAX_JOBS.",
    )
    provider_patience: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds a request waits for its place among PROVIDER_CONCURRENCY, or because "
        "the provider asks for it (Retry-After); what would take longer is said at once.",
    )

    agent_port: int = Field(
        default=8081, ge=1, le=65535, description="Port of the worker's status."
    )
    agent_reload: bool = Field(
        default=True,
        description="Whether changed code in agent/ takes over while the system runs; calls in "
        "progress keep the code from before.",
    )
    agent_greeting: str | None = Field(
        default=None,
        description="Sentence the agent says when a call begins (empty: it waits to be spoken to).",
    )
    agent_idle_processes: int = Field(
        default=2, ge=0, le=32, description="Job processes kept ready for the next calls."
    )
    agent_max_jobs: int = Field(
        default=25, ge=1, le=1000, description="Calls this worker takes at once; more are refused."
    )
    agent_memory_limit_mb: int = Field(
        default=500,
        ge=10,
        description="Megabytes of memory that the worker and each job process may have: a worker "
        "with more is replaced between calls, a job process is only warned of.",
    )
    agent_drain_timeout: float = Field(
        default=0.5,
        ge=0,
        le=3600,
        description="Seconds a stopping worker waits for calls to end by themselves before it ends "
        "them.",
    )
    agent_job_stop_timeout: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="Seconds a single call has to end before its process is killed.",
    )
    agent_stop_timeout: float = Field(
        default=4.5,
        gt=0,
        le=3600,
        description="Seconds after which a stopping worker ends what is left by force.",
    )
    agent_start_timeout: float = Field(
        default=30.0, gt=0, le=600, description="Seconds a job process has to get ready."
    )
    agent_absence_timeout: float = Field(
        default=15.0,
        ge=0,
        le=3600,
        description="Seconds the agent stays when the caller's connection is lost without a "
        "goodbye.",
    )

    agent_timeline_url: str = Field(
        default="http://localhost:9000",
        description="Address of the proxy, which is told what happens in calls; `off`: nobody is, "
        "and the worker's /metrics counts no calls.",
    )
    agent_spool_dir: str = Field(
        default=".voice/spool",
        description="Folder in which what happens in calls waits for the proxy.",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="Address of an OpenTelemetry collector (OTLP over HTTP, such as "
        "http://localhost:4318) that gets calls as traces; none when empty.",
    )
    faults_enabled: bool = Field(
        default=False, description="Allow faults to be injected on purpose; only for tests."
    )

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
        default=0.35,
        ge=0,
        le=10,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "complete.",
    )
    endpointing_max_delay: float = Field(
        default=0.9,
        ge=0,
        le=30,
        description="Seconds of silence that end the caller's turn when the sentence sounds "
        "unfinished.",
    )
    interruption_min_duration: float = Field(
        default=0.1,
        ge=0,
        le=5,
        description="Seconds the caller must speak to interrupt the agent.",
    )
    interruption_enabled: bool = Field(
        default=True, description="Whether the caller can interrupt the agent by speaking."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log lines: text, or json (one object a line)."
    )

    @property
    def secrets(self) -> list[str]:
        """What must not be logged."""
        keys = (self.livekit_api_secret, self.letta_api_key, self.openai_api_key)
        return [key for key in keys if key]

    @property
    def stt(self) -> Provider:
        return self.stt_provider or self.speech

    @property
    def tts(self) -> Provider:
        return self.tts_provider or self.speech

    @property
    def has_timeline(self) -> bool:
        return self.agent_timeline_url.lower() != NO_TIMELINE

    @property
    def livekit_is_local(self) -> bool:
        return urlsplit(self.livekit_url).hostname in LOCAL_HOSTS


def load() -> AgentSettings:
    """The settings of this process's environment; `SettingsError` says what is wrong in them."""
    try:
        settings = AgentSettings()
    except ValidationError as error:
        raise SettingsError("; ".join(_sentences(error))) from None
    problems = _impossible(settings)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


WANTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
}


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for one in error.errors():
        name = str(one["loc"][0])
        value = os.environ.get(name.upper(), one["input"])
        wanted = WANTED[one["type"]].format(**one.get("ctx", {}))
        default = AgentSettings.model_fields[name].default
        example = "" if default is None else f", such as {default} (the default)"
        sentences.append(
            f"setting {name.upper()} has the value {value!r}, which is not {wanted}; "
            f"set it to {wanted}{example}"
        )
    return sentences


def _impossible(settings: AgentSettings) -> list[str]:
    """Combinations that no call could work with."""
    problems = []
    if not settings.livekit_api_key or not settings.livekit_api_secret:
        problems.append(
            "settings LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set, so the worker cannot "
            "register; "
            f"set them to the key and secret of the LiveKit server at {settings.livekit_url}"
        )
    scheme = urlsplit(settings.livekit_url).scheme
    if scheme not in ("ws", "wss", "http", "https"):
        problems.append(
            f"setting LIVEKIT_URL has the value {settings.livekit_url!r}, which is not an address "
            "of a LiveKit "
            "server; set it to something like 'ws://localhost:7880' or "
            "'wss://PROJECT.livekit.cloud'"
        )
    if settings.has_timeline and urlsplit(settings.agent_timeline_url).scheme not in HTTP:
        problems.append(
            f"setting AGENT_TIMELINE_URL has the value {settings.agent_timeline_url!r}, which is "
            "not an address of a proxy; set it to something like 'http://localhost:9000', or to "
            f"{NO_TIMELINE!r}"
        )
    collector = settings.otel_exporter_otlp_endpoint
    if collector is not None and urlsplit(collector).scheme not in HTTP:
        problems.append(
            f"setting OTEL_EXPORTER_OTLP_ENDPOINT has the value {collector!r}, which is not an "
            "address of a collector; set it to something like 'http://localhost:4318'"
        )
    for what, provider, base_url in (
        ("STT", settings.stt, settings.stt_base_url),
        ("TTS", settings.tts, settings.tts_base_url),
    ):
        own_server = base_url or settings.openai_base_url != _default("openai_base_url")
        if provider == "openai" and not settings.openai_api_key and not own_server:
            problems.append(
                f"{what}_PROVIDER (or SPEECH) is openai, but OPENAI_API_KEY is not set; set it, or "
                "set "
                f"OPENAI_BASE_URL or {what}_BASE_URL to a server that needs no key, or use offline"
            )
        if provider == "inference" and settings.livekit_is_local:
            problems.append(
                f"{what}_PROVIDER (or SPEECH) is inference, which needs LiveKit Cloud, but "
                "LIVEKIT_URL is "
                f"{settings.livekit_url}, a server on this machine; set LIVEKIT_URL, "
                "LIVEKIT_API_KEY and "
                "LIVEKIT_API_SECRET to those of a LiveKit Cloud project, or use offline or openai"
            )
    if settings.endpointing_max_delay < settings.endpointing_min_delay:
        problems.append(
            f"setting ENDPOINTING_MAX_DELAY has the value {settings.endpointing_max_delay}, which "
            "is less than "
            f"ENDPOINTING_MIN_DELAY ({settings.endpointing_min_delay}); set it to that or more"
        )
    return problems


def _default(name: str) -> object:
    return AgentSettings.model_fields[name].default
