"""Makes speech-to-text and text-to-speech as the settings say: offline, openai or inference.

`inference` is LiveKit Inference: a string such as `deepgram/nova-3`, or `cartesia/sonic-3:VOICE`,
is handed to LiveKit, which resolves it.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import inference, stt, tts
from livekit.plugins import openai

from agent import http_clients
from agent.provider_limiter import ProviderLimiter
from agent.settings import (
    INFERENCE_STT_MODEL,
    INFERENCE_TTS_MODEL,
    OFFLINE_TTS_MODEL,
    OFFLINE_VOICE,
    OPENAI_STT_MODEL,
    OPENAI_TTS_MODEL,
    OPENAI_VOICE,
    AgentSettings,
)
from agent.speech.clauses import ClauseTokenizer
from agent.speech.offline import OfflineSTT
from agent.speech.overlap import Overlap
from agent.speech.reports import Attempts, Reports
from agent.speech.stt_requests import Recordings, RequestSTT
from agent.speech.utterance_stream import SPEECH_TO_TEXT
from agent.speech.vad import SharedVAD
from agent.speech.voice import Voice
from common.settings import revealed


def make_stt(
    settings: AgentSettings, vad: SharedVAD, overlap: Overlap, reports: Reports
) -> stt.STT[Any]:
    if settings.stt == "inference":
        return inference.STT.from_model_string(settings.stt_model or INFERENCE_STT_MODEL)
    if settings.stt == "offline":
        return OfflineSTT(
            settings.stt_base_url or settings.models_url,
            vad,
            overlap,
            reports,
            settings.stt_language,
        )
    client = http_clients.openai_client(
        settings.stt_base_url or settings.openai_base_url,
        revealed(settings.openai_api_key),
        ProviderLimiter("transcribe", SPEECH_TO_TEXT, settings, reports),
    )
    model, language = settings.stt_model or OPENAI_STT_MODEL, settings.stt_language
    realtime = openai.STT(model=model, language=language, client=client)
    if realtime.capabilities.streaming:
        return realtime
    recordings, most = Recordings(client, model, language), settings.provider_concurrency
    return RequestSTT(recordings, vad, overlap, language, reports, most)


def make_tts(settings: AgentSettings, reports: Reports) -> tts.TTS[Any]:
    if settings.tts == "inference":
        return inference.TTS.from_model_string(inference_voice(settings))
    offline = settings.tts == "offline"
    voice = Voice(
        http_clients.openai_client(
            settings.tts_base_url or (settings.models_url if offline else settings.openai_base_url),
            None if offline else revealed(settings.openai_api_key),
            ProviderLimiter("speak", "text-to-speech", settings, reports),
        ),
        settings.tts_model or (OFFLINE_TTS_MODEL if offline else OPENAI_TTS_MODEL),
        settings.tts_voice or (OFFLINE_VOICE if offline else OPENAI_VOICE),
    )
    attempts = Attempts(reports, "speak", voice.provider)
    voice.on("error", attempts.failed)
    voice.on("metrics_collected", attempts.begin)  # a piece was spoken
    return tts.StreamAdapter(tts=voice, sentence_tokenizer=ClauseTokenizer())


def inference_voice(settings: AgentSettings) -> str:
    """The descriptor `model:voice`; TTS_MODEL may have the voice in it already."""
    model = settings.tts_model or INFERENCE_TTS_MODEL
    return f"{model}:{settings.tts_voice}" if settings.tts_voice and ":" not in model else model
