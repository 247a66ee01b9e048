"""Which models of a list one can talk with."""

from __future__ import annotations

import pytest

from common.model_cards import is_for_chat


@pytest.mark.parametrize(
    ("card", "chat"),
    [
        ({"id": "rehearsal", "for": "chat"}, True),
        ({"id": "anything", "for": "speech"}, False),
        ({"id": "hashed-ngram-embeddings", "for": "embeddings"}, False),
        ({"id": "whisper", "for": "transcriptions"}, False),
        ({"id": "gemma-3-270m", "type": "llm"}, True),
        ({"id": "nomic", "type": "embeddings"}, False),
        ({"id": "gpt-4o-mini", "object": "model"}, True),
        ({"id": "llama3.2:3b"}, True),
        ({"id": "gpt-4o-mini-transcribe"}, False),
        ({"id": "nomic-embed-text"}, False),
        ({"id": "tts-1-hd"}, False),
        ({}, True),
    ],
)
def test_a_card_tells_by_its_field_or_else_by_its_name(card: dict[str, str], chat: bool) -> None:
    assert is_for_chat(card) is chat
