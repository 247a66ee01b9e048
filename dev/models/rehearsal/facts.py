"""The grammar of facts: what a person tells about themselves, asks to be told back, or wants forgotten.

Speech recognition gives lower case and no punctuation, so nothing here depends on either.
"""

from __future__ import annotations

import re

from dev.models.rehearsal.fact import NOTE, Fact, normal_key

EVERYTHING = "*"
MAX_VALUE_WORDS = 12
MAX_KEY_WORDS = 4

# "my question is whether …" is about the talk, not about the person.
NOT_ABOUT_THE_PERSON = {"question", "point", "problem", "guess", "idea", "answer", "turn", "bad"}
# "my train is late", "my sister is coming": true for an hour; "i like that": of what?
PASSING = re.compile(
    r"(?:\w{3,}ing|late|early|gone|broken|here|there|not|very|so|too|really|tired|sick|ill|fine|okay|"
    r"you|it|that|this|them|those|these|to)\b",
    re.I,
)
# Where one statement ends and the next begins: "… and my dog is Rex", "well my name is Ada".
NEXT_STATEMENT = re.compile(
    r"[.!?;,]+\s+|\s+(?:and|but|also)\s+(?=(?:my|i|i'm|im|i am|call|remember|please)\b)"
    r"|(?<!\bof)(?<!\bforget)\s+(?=my (?:favou?rite|name)\b)",
    re.I,
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
    r"\b(?:remember|note|don't forget)\s+(?:that\s+)?"
    r"(?!(?:what|who|where|when|how|me|this|that)\b)(?P<what>.+)$",
    re.I,
)

TOLD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), key)
    for pattern, key in (
        (r"^my name(?:'s| is| was)\s+(?P<value>.+)$", "name"),
        (r"^(?:call me|i am called|i'm called|people call me)\s+(?P<value>.+)$", "name"),
        (r"^(?:i live|i am living|i'm living|we live)\s+(?:in|at|near)\s+(?P<value>.+)$", "home"),
        (r"^(?:i|i have|i've|we)\s+(?:just |recently )?moved to\s+(?P<value>.+)$", "home"),
        (r"^(?:i am from|i'm from|im from|i come from)\s+(?P<value>.+)$", "origin"),
        (r"^i was born\s+(?P<value>(?:in|on|at)\s.+)$", "born"),
        (r"^(?:i am|i'm|im)\s+allergic to\s+(?P<value>.+)$", "allergy"),
        (r"^(?:i work as|i am working as)\s+(?:an?\s+)?(?P<value>.+)$", "job"),
        (r"^i work (?:at|for|in)\s+(?P<value>.+)$", "workplace"),
        (r"^(?:i am|i'm|im)\s+(?P<value>[\w\s-]+?)\s+years? old$", "age"),
        (r"^i have (?:an?|one|two|three|four)\s+(?P<key>[\w\s-]+?)\s+(?:named|called|whose names? (?:is|are))\s+(?P<value>.+)$", ""),
        (r"^my (?P<key>[\w\s-]+?)(?:'s|s)? names?(?:'s| is| was| are)\s+(?P<value>.+)$", ""),
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
        (r"\b(?:where|when) (?:was i|i was) born\b", "born"),
        (r"\bwhat (?:am i|i am) allergic to\b|\bmy allerg(?:y|ies)\b", "allergy"),
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
        (r"\b(?:what|which) (?P<key>[\w\s'-]+?) (?:do i (?:like|love)(?: (?:the )?(?:most|best))?|is my favou?rite)$", "favorite"),
    )
)  # fmt: skip
ABOUT = re.compile(
    r"\b(?:did|have|had) i (?:ever |already )?(?:say|said|tell you|told you|mention|mentioned)"
    r"(?: to you)?(?: anything| something)? (?:about|of) (?P<topic>.+)$"
    r"|\bi (?:said|told you|mentioned)(?: to you)?(?: once)? (?:about|of) (?P<topic2>.+)$"
    r"|\bdid we (?:talk|speak) about (?P<topic3>.+)$",
    re.I,
)
FORGET = re.compile(
    r"^(?:please )?(?:forget|delete|erase|remove)\s+(?:about\s+)?(?P<what>.+)$", re.I
)
FORGET_WHERE = {
    "where i live": "home", "where i am from": "origin", "how old i am": "age",
    "what i like": "likes", "what i do": "job", "where i work": "workplace",
}  # fmt: skip
PEOPLE_AND_PETS = set(
    "dog cat pet horse bird fish rabbit wife husband partner son daughter child sister brother mother father "
    "mom dad friend boss teacher girlfriend boyfriend neighbor uncle aunt cousin".split()
)
PLACES = {"home", "origin", "workplace", "hometown", "city", "country"}
CAPITALS = set(
    "january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday".split()
)


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
    plain = TAIL.sub("", _words(text).lower())
    plain = re.sub(r"\s+(?:again|called|then|still|anyway)$", "", plain)
    for pattern, key in ASKED:
        if match := pattern.search(plain):
            if key == "favorite":
                return normal_key(f"favorite {match['key']}")
            return key or normal_key(match["key"])
    return None


def recalled(text: str) -> str | None:
    """What is asked for of earlier talk: "my garden" of "what did I say about my garden"."""
    if not (match := ABOUT.search(TAIL.sub("", _words(text)))):
        return None
    topic: str = match["topic"] or match["topic2"] or match["topic3"]
    return topic


def forgotten(text: str) -> str | None:
    """The key that a person wants forgotten, EVERYTHING, or None."""
    match = FORGET.match(LEAD.sub("", text.strip(" .!?")))
    if match is None:
        return None
    what = TAIL.sub("", match["what"].lower())
    if re.match(r"(?:everything|all|what you know|me\b)", what):
        return EVERYTHING
    if what in FORGET_WHERE:
        return FORGET_WHERE[what]
    mine = re.match(r"(?:what )?my (?P<key>[\w\s'-]+?)(?: is)?$", what)
    return normal_key(mine["key"]) if mine else None


def _one(part: str) -> Fact | None:
    for pattern, fixed in TOLD:
        if not (match := pattern.match(part)):
            continue
        key = fixed or normal_key(match["key"])
        value = TAIL.sub("", match["value"]).strip(" .,!?'")
        if not value or len(value.split()) > MAX_VALUE_WORDS or len(key.split()) > MAX_KEY_WORDS:
            return None
        if key in NOT_ABOUT_THE_PERSON or (key != "name" and PASSING.match(value)):
            return None
        return Fact(key, _written(key, value))
    return None


def _written(key: str, value: str) -> str:
    """The value with the capitals that speech recognition leaves out."""
    last = key.split()[-1].removesuffix("s")
    is_name = key == "name" or key in PLACES or last in PEOPLE_AND_PETS
    return " ".join(
        word.capitalize() if word.islower() and _is_capital(word, is_name) else word
        for word in value.split()
    )


def _is_capital(word: str, is_name: bool) -> bool:
    return word in CAPITALS or (is_name and word not in {"and", "the", "of", "in", "a", "an"})


def _plain(part: str) -> str:
    return TAIL.sub("", LEAD.sub("", part.strip(" .,!?;")))


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[^\w\s'-]", " ", text)).strip()
