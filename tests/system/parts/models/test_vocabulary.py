"""The decoder's dictionary: the words that people use, each with all its ways to be said."""

from __future__ import annotations

from dev.models.vocabulary import WORDS, dictionary


def test_it_has_the_frequent_words_and_not_the_rare_ones() -> None:
    path = dictionary()
    try:
        entries = path.read_text(encoding="utf-8").splitlines()
    finally:
        path.unlink()
    spoken = [entry.split(" ", 1)[0] for entry in entries]
    words = {word.split("(", 1)[0] for word in spoken}
    assert len(words) == WORDS
    assert {"favorite", "green", "ada", "pizza", "tomorrow", "goodbye"} <= words
    assert {"read", "read(2)"} <= set(spoken)
    assert not {"zyuganov", "aamodt"} & words
