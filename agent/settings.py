"""Everything a person can set of the worker: one table of names, defaults and help.

`load()` returns the settings or raises `SettingsError`, whose text is meant for the person who made
the mistake.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field

from common import settings as shared
from common.settings import (
    AgentPortSettings,
    FaultSettings,
    LanguageSettings,
    LettaServerSettings,
    ListeningSettings,
    LiveKitSettings,
    LogSettings,
    ModelsServerSettings,
    OpenAISettings,
    Provider,
    SettingsError,
    SpeechServerSettings,
    SpeechSettings,
    revealed,
)

HTTP = ("http", "https")
NO_TIMELINE = "off"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
OPENAI_ADDRESS = OpenAISettings.model_fields["openai_base_url"].default


OPENAI_STT_MODEL = "gpt-4o-mini-transcribe"
OPENAI_TTS_MODEL = "gpt-4o-mini-tts"
OPENAI_VOICE = "ash"
OFFLINE_TTS_MODEL = "tts-1"  # for other names the plugin asks for server-sent events
OFFLINE_VOICE = "alloy"  # any of OpenAI's names is answered by MODELS_VOICE
INFERENCE_STT_MODEL = "deepgram/nova-3"
INFERENCE_TTS_MODEL = "cartesia/sonic-3"
"""The models and voices where the settings name none."""


class AgentSettings(
    LiveKitSettings,
    LettaServerSettings,
    ModelsServerSettings,
    SpeechSettings,
    OpenAISettings,
    SpeechServerSettings,
    AgentPortSettings,
    ListeningSettings,
    LanguageSettings,
    FaultSettings,
    LogSettings,
):
    """What the worker and its job processes read."""

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

    stt_model: str | None = Field(
        default=None,
        description="Model for speech-to-text, such as gpt-4o-mini-transcribe, or deepgram/nova-3 "
        "with "
        "inference (empty: the provider's default).",
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

    @property
    def secrets(self) -> list[str]:
        """What must not be logged."""
        keys = (self.livekit_api_secret, self.letta_api_key, self.openai_api_key)
        return [value for key in keys if (value := revealed(key))]

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
    settings = shared.load(AgentSettings)
    problems = _impossible(settings)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _impossible(settings: AgentSettings) -> list[str]:
    """Combinations that no call could work with."""
    problems = []
    if not settings.livekit_api_key or not settings.livekit_api_secret:
        problems.append(
            "settings LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set, so the worker cannot "
            "register; "
            f"set them to the key and secret of the LiveKit server at {settings.livekit_url}"
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
        own_server = base_url or settings.openai_base_url != OPENAI_ADDRESS
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
