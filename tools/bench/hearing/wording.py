"""How much of what was said was understood: word and letter errors, numbers as people write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
from extended_wer_normalizer import normalize_for_wer


@dataclass(frozen=True)
class Errors:
    """`wrong` of `all`; words of `all` that were replaced, dropped or added."""

    wrong: int = 0
    all: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.wrong + other.wrong, self.all + other.all)

    @property
    def percent(self) -> float | None:
        return 100 * self.wrong / self.all if self.all else None


def errors(said: Sequence[str], heard: Sequence[str], *, letters: bool = False) -> Errors:
    """Of texts and what was understood of each. `letters`: each counts, spaces do not."""
    wanted, got = [[normalize_for_wer(each) for each in texts] for texts in (said, heard)]
    if letters:
        wanted, got = [
            [" ".join(each.replace(" ", "")) for each in texts] for texts in (wanted, got)
        ]
    counts = jiwer.process_words(wanted, got)
    wrong = counts.substitutions + counts.deletions + counts.insertions
    return Errors(wrong, counts.hits + counts.substitutions + counts.deletions)


def words(text: str) -> int:
    return len(normalize_for_wer(text).split())
