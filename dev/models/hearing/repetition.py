"""Whether a text goes round in circles, as Whisper's do when it has lost its way."""

from __future__ import annotations

from collections.abc import Sequence

SAID_AT_MOST = 2  # times in a row: people do say things twice
TWICE_AT_LEAST = 5  # tokens of a phrase that is suspicious when it stands there twice in a row
THRICE_AT_LEAST = 2


def is_loop(tokens: Sequence[int]) -> bool:
    """Whether some phrase stands there again and again, one right after the other.

    People say things twice as well: who asks must listen once more, not throw the text away.
    """
    count = len(tokens)
    for length in range(THRICE_AT_LEAST, count // 2 + 1):
        times = 2 if length >= TWICE_AT_LEAST else 4
        for start in range(count - times * length + 1):
            phrase = tokens[start : start + length]
            if all(
                tokens[start + n * length : start + (n + 1) * length] == phrase
                for n in range(1, times)
            ):
                return True
    return False


def said_once(tokens: Sequence[int]) -> list[int]:
    """The tokens, with what stands there more than twice in a row only once.

    For a text that still is a loop when it was listened to with care. The last time may be cut off.
    """
    left = list(tokens)
    for length in range(1, len(tokens) // 2 + 1):
        start = 0
        while start + 2 * length <= len(left):
            phrase = left[start : start + length]
            end = start + length
            while left[end : end + length] == phrase:
                end += length
            if (end - start) // length > SAID_AT_MOST:
                rest = left[end:]
                if rest == phrase[: len(rest)]:
                    rest = []
                left[start:] = phrase + rest
            start += 1
    return left
