"""The models and voices that are used where the settings name none."""

OPENAI_STT_MODEL = "gpt-4o-mini-transcribe"
OPENAI_TTS_MODEL = "gpt-4o-mini-tts"
OPENAI_VOICE = "ash"
OFFLINE_TTS_MODEL = "tts-1"  # for other names the plugin asks for server-sent events
OFFLINE_VOICE = "alloy"  # any of OpenAI's names is answered by MODELS_VOICE
INFERENCE_STT_MODEL = "deepgram/nova-3"
INFERENCE_TTS_MODEL = "cartesia/sonic-3"
