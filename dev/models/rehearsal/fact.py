"""One thing known about the person: a key and a value, in memory the line `key: value`."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

NOTE = "note"
# Several of these may be known at once; a new one does not replace an old one.
MANY = {"likes", "dislikes", "allergy", NOTE}
SPOKEN = {
    "home": "you live in {}",
    "origin": "you are from {}",
    "workplace": "you work at {}",
    "born": "you were born {}",
    "age": "you are {} years old",
    "likes": "you like {}",
    "dislikes": "you do not like {}",
    "allergy": "you are allergic to {}",
}
# Two ways to say the same key.
SYNONYMS = {"address": "home", "town": "home", "work": "job", "profession": "job"}
NAME_OF = re.compile(r"(?:'s|s)? names?$|^names? of (?:my )?", re.I)
# Below this likeness two words are different things ("cat", "car"); above it one was misheard.
SAME_WORD = 0.7


@dataclass(frozen=True)
class Fact:
    key: str
    value: str

    @property
    def line(self) -> str:
        return f"{self.key}: {self.value}"

    @classmethod
    def from_line(cls, line: str) -> Fact | None:
        """The fact in a line of a memory block; None for prose."""
        match = re.fullmatch(r"\s*[-*]?\s*(?P<key>[\w' -]{1,40}):\s+(?P<value>\S.*?)\s*", line)
        return cls(normal_key(match["key"]), match["value"]) if match else None

    def spoken(self) -> str:
        """The fact as a sentence said to the person: "your favorite color is green"."""
        if self.key == NOTE:
            return f"you told me: {swap_persons(self.value)}"
        if self.key in SPOKEN:
            return SPOKEN[self.key].format(self.value)
        many = self.key.endswith("s") and not self.key.endswith(("ss", "'s"))
        return f"your {self.key} {'are' if many else 'is'} {self.value}"


def normal_key(key: str) -> str:
    """One form for the ways to say a key: "favourite colour" and "favorite color", "dog's name" and
    "dog"."""
    plain = re.sub(r"\s+", " ", key.strip().lower())
    plain = plain.replace("favourite", "favorite").replace("colour", "color")
    if plain != "name":
        plain = NAME_OF.sub("", plain)
    return SYNONYMS.get(plain, plain)


def same(key: str, keys: list[str]) -> str | None:
    """Which of `keys` is meant by `key`, a misheard one included; None when none is."""
    if key in keys:
        return key
    return next((other for other in keys if _sounds_like(key, other)), None)


def _sounds_like(key: str, other: str) -> bool:
    ours, theirs = key.split(), other.split()
    return len(ours) == len(theirs) and all(
        difflib.SequenceMatcher(None, a, b).ratio() >= SAME_WORD
        for a, b in zip(ours, theirs, strict=True)
    )


SWAPS = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are",
    "i'm": "you're", "i've": "you've", "i'll": "you'll", "i'd": "you'd", "you": "I", "your": "my",
    "yours": "mine", "yourself": "myself", "we": "you", "us": "you", "our": "your",
    "you're": "I'm", "i was": "you were", "you are": "I am", "you were": "I was",
    "are you": "am I", "were you": "was I", "was i": "were you",
}  # fmt: skip
SWAPPED = re.compile(
    r"(?<![\w'])(?:" + "|".join(sorted(SWAPS, key=len, reverse=True)) + r")(?![\w'])", re.I
)
# "you" is somebody who does something here, and elsewhere somebody to whom it is done.
DOING = re.compile(
    r"(?:^|\b(?:that|if|when|because|and|but|what|why|how|where|who|do|did|can|could|will|would|should))\s*$",
    re.I,
)


def swap_persons(text: str) -> str:
    """Said by the person, said back to the person: "I lost my key" becomes "you lost your key"."""

    def swapped(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word == "you":
            return "I" if DOING.search(text[: match.start()]) else "me"
        return SWAPS[word]

    return SWAPPED.sub(swapped, text)
