"""The providers in use: speech-to-text, text-to-speech and the chat model of our own Letta.

Each is asked for its list of models, which is free of cost and needs the key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy.settings import ProxySettings
from proxy.system.questions import Questions
from proxy.verdicts.health import Probe

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
    if kind == "offline":
        return Provider(role, kind, (base or settings.models_url).rstrip("/"))
    secret = settings.openai_api_key
    key = secret.get_secret_value() if secret is not None else ""
    return Provider(role, kind, (base or settings.openai_base_url).rstrip("/"), key)


async def reachable(provider: Provider, questions: Questions) -> Probe:
    """Whether the provider answers and takes the key."""
    found = await questions.ask(f"{provider.base_url}/models", key=provider.key)
    # Inference signs each request with the LiveKit key; its 401 to a bare question is an answer.
    answered = provider.kind == "inference" and (found.status or 500) < 500
    # Some servers that only listen or speak list no models.
    if answered or found.status in (404, 405):
        found = replace(found, problem="")
    return replace(found, name=provider.role)
