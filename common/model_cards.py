"""What a model of an OpenAI-compatible server's list is for: many list voices and ears as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# A server that says it does so in a field of its own; the offline models server in `for`.
_FIELDS = ("for", "type", "id")
_NOT_FOR_CHAT = re.compile(
    r"embed|whisper|tts|stt|transcri|speech|voice|audio|rerank|image|dall-e|moderation|piper|bge-",
    re.IGNORECASE,
)


def is_for_chat(card: Mapping[str, Any]) -> bool:
    """Whether one can talk with the model of this entry, as far as its server or its name tells."""
    said = next((text for name in _FIELDS if isinstance(text := card.get(name), str)), "")
    return not _NOT_FOR_CHAT.search(said)
