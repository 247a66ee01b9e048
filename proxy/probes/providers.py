"""Letta, and the providers in use: speech-to-text, text-to-speech, the chat model of our own Letta.

Each provider is asked for its list of models, which is free of cost and needs the key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from common import odd_keys
from proxy.probes.question import OWN_KEYS_EVERY_S, Questions
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import ProbeResult

LETTA_KEY = "letta key"
SPEECH_TO_TEXT, TEXT_TO_SPEECH, CHAT = "speech-to-text", "text-to-speech", "chat model"
INFERENCE_URL = "https://agent-gateway.livekit.cloud/v1"


@dataclass(frozen=True)
class Provider:
    """Who does one thing for us, and where."""

    role: str
    kind: str
    """offline, openai or inference."""
    base_url: str
    key: str = ""
    hint: str = ""
    """What the key looks like, when it does not look like one of this provider."""


def in_use(settings: ProxySettings) -> list[Provider]:
    """The providers that the settings choose; the chat model is that of our own Letta."""
    speech = settings.speech
    # LiveKit Inference serves no chat to Letta, so `inference` alone leaves it offline.
    chat = settings.chat_provider or ("offline" if speech == "inference" else speech)
    return [
        _provider(settings, SPEECH_TO_TEXT, settings.stt_provider or speech, settings.stt_base_url),
        _provider(settings, TEXT_TO_SPEECH, settings.tts_provider or speech, settings.tts_base_url),
        _provider(settings, CHAT, chat, None),
    ]


def _provider(settings: ProxySettings, role: str, kind: str, base: str | None) -> Provider:
    if kind == "inference":
        return Provider(role, kind, INFERENCE_URL)
    if kind in ("offline", "local"):  # the models server hands on to the other
        return Provider(role, kind, (base or settings.models_url).rstrip("/"))
    secret = settings.openai_api_key
    key = secret.get_secret_value() if secret is not None else ""
    address = (base or settings.openai_base_url).rstrip("/")
    hint = odd_keys.looks_like(
        "OPENAI_API_KEY", {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": address}
    )
    return Provider(role, kind, address, key, hint)


async def reachable(provider: Provider, questions: Questions) -> ProbeResult:
    """Whether the provider answers and takes the key."""
    result = await questions.ask(f"{provider.base_url}/models", key=provider.key)
    # Inference signs each request with the LiveKit key; its 401 to a bare question is an answer.
    answered = provider.kind == "inference" and (result.status or 500) < 500
    # Some servers that only listen or speak list no models.
    if answered or result.status in (404, 405):
        result = replace(result, problem="")
    return replace(result, name=provider.role, hint=provider.hint if result.problem else "")


async def letta_answers(
    settings: ProxySettings, questions: Questions, max_age: float | None = None
) -> ProbeResult:
    path = "/readyz" if settings.letta_backend == "app-server" else "/v1/health/"
    return await questions.ask(settings.letta_base_url + path, max_age=max_age)


async def letta_key(settings: ProxySettings, questions: Questions) -> ProbeResult | None:
    """Whether Letta takes LETTA_API_KEY, or wants one; None when it did not answer the question.

    It is asked for the cheapest thing that it guards: the number of its agents, or of itself.
    """
    app_server = settings.letta_backend == "app-server"
    secret = settings.letta_api_key
    key = secret.get_secret_value() if secret is not None else ""
    result = await questions.ask(
        settings.letta_base_url + ("/app-server-info" if app_server else "/v1/agents/count"),
        key=key,
        max_age=OWN_KEYS_EVERY_S,
    )
    if result.problem in ("rejected", "missing", "rate-limited"):
        hint = odd_keys.looks_like("LETTA_API_KEY", {"LETTA_API_KEY": key})
        return replace(result, name=LETTA_KEY, target=settings.letta_base_url, hint=hint)
    if result.status is None or result.status >= 500:
        return None
    return replace(result, name=LETTA_KEY, problem="", target=settings.letta_base_url)
