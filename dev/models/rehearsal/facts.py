"""What a person tells about themselves, and what they ask to be told back.

A fact is a key and a value ("favorite color", "green"). In memory it is one line, `key: value`.
Speech recognition gives lower case and no punctuation, so nothing here depends on either.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

EVERYTHING = "*"
NOTE = "note"
# Several of these may be known at once; a new one does not replace an old one.
MANY = {"likes", "dislikes", NOTE}
MAX_VALUE_WORDS = 12
# Below this likeness two words are different things ("cat", "car"); above it one was misheard.
SAME_WORD = 0.7

# "my question is whether …" is about the talk, not about the person.
NOT_ABOUT_THE_PERSON = {"question", "point", "problem", "guess", "idea", "answer", "turn", "bad"}
# Where one statement ends and the next begins: "… and my dog is Rex", "… but I live in Rome".
NEXT_STATEMENT = re.compile(
    r"[.!?;,]+\s+|\s+(?:and|but|also)\s+(?=(?:my|i|i'm|im|i am|call|remember|please)\b)", re.I
)
LEAD = re.compile(
    r"^(?:(?:well|so|ok|okay|hey|hi|hello|yes|no|oh|and|but|also|please|actually|you know|by the way|now"
    r"|i want you to|i would like you to|can you|could you|remember|know|note|that)[,\s]+)+",
    re.I,
)
TAIL = re.compile(
    r"[\s,]+(?:now|please|okay|ok|today|by the way|instead|actually|thank you|thanks)$", re.I
)
# "do you remember what I said" asks; "can you remember that …" (its beginning is in LEAD) tells.
QUESTION = re.compile(
    r"(?:do|did|does|what|who|whom|where|when|why|how|which|is|are|am|was|were|have|has)\b", re.I
)
TO_REMEMBER = re.compile(
    r"\b(?:remember|note|don't forget)\s+(?:that\s+)?(?!what\b|who\b|where\b|when\b|how\b|me\b)(?P<what>.+)$",
    re.I,
)
ABOUT = re.compile(
    r"\b(?:did|have|had) i (?:ever |already )?(?:say|said|tell you|told you|mention|mentioned)(?: to you)?(?: anything| something)? "
    r"(?:about|of) (?P<topic>.+)$"
    r"|\bi (?:said|told you|mentioned)(?: to you)?(?: once)? (?:about|of) (?P<topic2>.+)$"
    r"|\bdid we (?:talk|speak) about (?P<topic3>.+)$",
    re.I,
)
NAME_OF = re.compile(r"(?:'s|s)? name$|^name of (?:my )?", re.I)

TOLD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), key)
    for pattern, key in (
        (r"^my name(?:'s| is| was)\s+(?P<value>.+)$", "name"),
        (r"^(?:call me|i am called|i'm called|people call me)\s+(?P<value>.+)$", "name"),
        (r"^(?:i live|i am living|i'm living)\s+(?:in|at|near)\s+(?P<value>.+)$", "home"),
        (r"^(?:i am from|i'm from|im from|i come from)\s+(?P<value>.+)$", "origin"),
        (r"^(?:i work as|i am working as)\s+(?:an?\s+)?(?P<value>.+)$", "job"),
        (r"^i work (?:at|for|in)\s+(?P<value>.+)$", "workplace"),
        (r"^(?:i am|i'm|im)\s+(?P<value>[\w\s-]+?)\s+years? old$", "age"),
        (r"^i have (?:an?|one)\s+(?P<key>[\w\s-]+?)\s+(?:named|called|whose name is)\s+(?P<value>.+)$", ""),
        (r"^my (?P<key>[\w\s-]+?)(?:'s|s)? name(?:'s| is| was)\s+(?P<value>.+)$", ""),
        (r"^my (?P<key>[\w\s'-]+?)\s+(?:is|are|was)\s+(?:named|called)\s+(?P<value>.+)$", ""),
        (r"^my (?P<key>[\w\s'-]+?)\s+(?:is|are|has changed to|changed to)\s+(?:now\s+)?(?P<value>.+)$", ""),
        (r"^my (?P<key>[\w\s-]+?)'s\s+(?:now\s+)?(?P<value>.+)$", ""),
        (r"^i (?:really )?(?:like|love|enjoy)\s+(?P<value>.+)$", "likes"),
        (r"^i (?:really )?(?:hate|dislike|do not like|don't like)\s+(?P<value>.+)$", "dislikes"),
    )
)  # fmt: skip
ASKED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), key)
    for pattern, key in (
        (r"\bwhat (?:do|did|can) (?:you|i) (?:still |already )?(?:know|remember|tell you|recall)(?: about me)?$", EVERYTHING),
        (r"\b(?:what|anything|everything) (?:that )?you (?:know|remember) about me\b", EVERYTHING),
        (r"\b(?:who am i|do you (?:know|remember) (?:who i am|me))$", EVERYTHING),
        (r"\bwhere (?:do|did) i live\b|\bwhere i live\b|\bwhere is my home\b", "home"),
        (r"\bwhere (?:am i|do i come|are we) from\b|\bwhere i (?:am|come) from\b", "origin"),
        (r"\bhow old (?:am i|i am)\b", "age"),
        (r"\bwhat (?:do i do|is my work|do i work)\b|\bwhat i do for a living\b", "job"),
        (r"\bwhere (?:do i|i) work\b", "workplace"),
        (r"\bwhat (?:do i|i) (?:like|love|enjoy)\b", "likes"),
        (r"\bwhat (?:do i|i) (?:hate|dislike|not like)\b", "dislikes"),
        (r"\bname of my (?P<key>[\w\s'-]+)$", ""),
        (r"\bwhat (?:is|was|are|were|'s) my (?P<key>[\w\s'-]+)$", ""),
        (r"\b(?:what's|whats|who's|whos|when's|whens) my (?P<key>[\w\s'-]+)$", ""),
        (r"\b(?:who|when|where|which) (?:is|was|are) my (?P<key>[\w\s'-]+)$", ""),
        (r"\b(?:know|remember|recall|guess|tell me|say|repeat) (?:what |who |when )?my (?P<key>[\w\s'-]+?)(?: is| was| are)?$", ""),
        (r"\b(?:what|which) (?P<key>[\w\s'-]+?) (?:do i (?:like|love) (?:the )?(?:most|best)|is my favou?rite)$", "favorite"),
    )
)  # fmt: skip
FORGET = re.compile(
    r"^(?:please )?(?:forget|delete|erase|remove)\s+(?:about\s+)?(?P<what>.+)$", re.I
)


@dataclass(frozen=True)
class Fact:
    """One thing known about the person. `line` is how it stands in a memory block."""

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
        match self.key:
            case "home":
                return f"you live in {self.value}"
            case "origin":
                return f"you are from {self.value}"
            case "workplace":
                return f"you work at {self.value}"
            case "age":
                return f"you are {self.value} years old"
            case "likes":
                return f"you like {self.value}"
            case "dislikes":
                return f"you do not like {self.value}"
            case "note":
                return f"you told me: {swap_persons(self.value)}"
        return f"your {self.key} is {self.value}"


def told(text: str) -> list[Fact]:
    """The facts in what a person said, in order; none when it was no statement about them."""
    if asked(text) or QUESTION.match(LEAD.sub("", text.strip())):
        return []
    found: list[Fact] = []
    for part in NEXT_STATEMENT.split(text.strip(" .!?")):
        fact = _one(_plain(part))
        if fact is None and (wish := TO_REMEMBER.search(part)):
            rest = _plain(wish["what"])
            fact = Fact(NOTE, rest) if len(rest.split()) > 1 else None
        if fact is not None:
            found.append(fact)
    return found


def asked(text: str) -> str | None:
    """The key that a question is about, EVERYTHING, or None when nothing of the person is asked."""
    plain = re.sub(r"\s+", " ", re.sub(r"[^\w\s'-]", " ", text)).strip().lower()
    plain = TAIL.sub("", plain)
    plain = re.sub(r"\s+(?:again|called|then|still|anyway)$", "", plain)
    for pattern, key in ASKED:
        if match := pattern.search(plain):
            if key == "favorite":
                return normal_key(f"favorite {match['key']}")
            return key or normal_key(match["key"])
    return None


def recalled(text: str) -> str | None:
    """What is asked for of earlier talk: "my garden" of "what did I say about my garden"."""
    plain = TAIL.sub("", re.sub(r"\s+", " ", re.sub(r"[^\w\s'-]", " ", text)).strip())
    if not (match := ABOUT.search(plain)):
        return None
    topic: str = match["topic"] or match["topic2"] or match["topic3"]
    return topic


def forgotten(text: str) -> str | None:
    """The key that a person wants forgotten, EVERYTHING, or None."""
    match = FORGET.match(LEAD.sub("", text.strip(" .!?")))
    if match is None:
        return None
    what = match["what"].lower()
    if re.match(r"(?:everything|all|what you know|me\b)", what):
        return EVERYTHING
    if where := {"where i live": "home", "where i am from": "origin", "how old i am": "age"}.get(
        what
    ):
        return where
    mine = re.match(r"(?:what )?my (?P<key>[\w\s'-]+?)(?: is)?$", what)
    return normal_key(mine["key"]) if mine else None


def same(key: str, keys: list[str]) -> str | None:
    """Which of `keys` is meant by `key`, a misheard one included; None when none is."""
    if key in keys:
        return key
    return next((other for other in keys if _sounds_like(key, other)), None)


def normal_key(key: str) -> str:
    """One form for the ways to say a key: "Favourite colour" and "favorite color", "dog's name" and "dog"."""
    plain = re.sub(r"\s+", " ", key.strip().lower())
    plain = plain.replace("favourite", "favorite").replace("colour", "color")
    if plain != "name":
        plain = NAME_OF.sub("", plain)
    return {"address": "home", "town": "home", "work": "job", "profession": "job"}.get(plain, plain)


def swap_persons(text: str) -> str:
    """Said by the person, said back to the person: "I lost my key" becomes "you lost your key"."""
    swaps = {
        "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are",
        "i'm": "you're", "i've": "you've", "i'll": "you'll", "i'd": "you'd", "you": "I", "your": "my",
        "yours": "mine", "we": "you", "us": "you", "our": "your",
    }  # fmt: skip
    return " ".join(swaps.get(word.lower(), word) for word in text.split())


def _sounds_like(key: str, other: str) -> bool:
    ours, theirs = key.split(), other.split()
    return len(ours) == len(theirs) and all(
        difflib.SequenceMatcher(None, a, b).ratio() >= SAME_WORD
        for a, b in zip(ours, theirs, strict=True)
    )


def _one(part: str) -> Fact | None:
    for pattern, fixed in TOLD:
        if not (match := pattern.match(part)):
            continue
        key = fixed or normal_key(match["key"])
        value = TAIL.sub("", match["value"]).strip(" .,!?'")
        if not value or len(value.split()) > MAX_VALUE_WORDS or key in NOT_ABOUT_THE_PERSON:
            return None
        return Fact(key, _as_name(value) if _is_name(key) else value)
    return None


def _plain(part: str) -> str:
    return TAIL.sub("", LEAD.sub("", part.strip(" .,!?;")))


def _is_name(key: str) -> bool:
    return key in {"name", "home", "origin", "workplace"} or key.split()[-1] in {
        "dog", "cat", "pet", "horse", "bird", "fish", "rabbit", "wife", "husband", "partner", "son",
        "daughter", "child", "sister", "brother", "mother", "father", "friend", "boss", "teacher",
    }  # fmt: skip


def _as_name(value: str) -> str:
    return " ".join(word if word[:1].isupper() else word.capitalize() for word in value.split())
