"""Does a sentence sound unfinished? Then the caller gets more time before the agent answers.

A pause within a sentence is about as long as the one after it, so silence alone cannot tell them
apart. The last word often can: hardly anybody ends a sentence with "and" or "the". Where such a
word does end one ("yes it is"), the agent answers some tenths of a second later, so the list need
not be perfect. English only; for other languages every sentence counts as complete.
"""

from __future__ import annotations

import re

from livekit.agents import LanguageCode, llm

WORDS = """
    a an the my your our their its every each some any no another
    and or but nor because since although though unless until while if whether than as
    which whose when where
    of to in on at by for from with without about into onto between among through during
    before after against toward towards upon via like
    is are was were am be been i i'm you're we're they're i've i'd i'll
    it's that's there's what's who's let's
    very really quite just only named called mr mrs ms dr
    um uh er erm
"""
DANGLING = frozenset(WORDS.split())


def sounds_unfinished(text: str) -> bool:
    """Whether more words are likely to come after these."""
    if text.rstrip().endswith(("?", "!", ".")):
        return False
    words = re.findall(r"[\w'-]+", text.lower())
    return bool(words) and words[-1] in DANGLING


class UnfinishedSentence:
    """LiveKit's turn detector: 0 when the sentence sounds unfinished, else 1."""

    @property
    def model(self) -> str:
        return "unfinished-sentence"

    @property
    def provider(self) -> str:
        return "local"

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        return 0.5

    async def supports_language(self, language: LanguageCode | None) -> bool:
        return True

    async def predict_end_of_turn(
        self, chat_ctx: llm.ChatContext, *, timeout: float | None = None
    ) -> float:
        for item in reversed(chat_ctx.items):
            if isinstance(item, llm.ChatMessage) and item.role == "user":
                return 0.0 if sounds_unfinished(item.text_content or "") else 1.0
        return 1.0
