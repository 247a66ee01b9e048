"""What a model of an OpenAI-compatible server's list is for: many list voices and ears as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A server that says it does so in a field of its own; the offline models server in `for`.
_FIELDS = ("for", "type", "id")
_NOT_FOR_CHAT = re.compile(
    r"embed|whisper|tts|stt|transcri|speech|voice|audio|rerank|image|dall-e|moderation|piper|bge-"
    r"|minilm",
    re.IGNORECASE,
)
_FOR_EMBEDDINGS = re.compile(r"embed|bge-(?!rerank)|minilm", re.IGNORECASE)


def is_for_chat(card: Mapping[str, Any]) -> bool:
    """Whether one can talk with the model of this entry, as far as its server or its name tells."""
    return not _NOT_FOR_CHAT.search(_said(card))


def is_for_embeddings(card: Mapping[str, Any]) -> bool:
    """Whether the model of this entry turns a text into a vector."""
    return bool(_FOR_EMBEDDINGS.search(_said(card)))


def _said(card: Mapping[str, Any]) -> str:
    return next((text for name in _FIELDS if isinstance(text := card.get(name), str)), "")
