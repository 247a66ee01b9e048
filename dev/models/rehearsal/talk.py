"""What the partner says about everything that is not a fact about the person.

Scripted, and it says so. Every line is about what was said: it quotes it, computes it or does it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from datetime import datetime

from dev.models.rehearsal.facts import swap_persons
from dev.models.rehearsal.numbers import number, spoken_number

WHO = (
    "I am the offline rehearsal model: a script that stands in for a language model, so that you can try "
    "your voice agent without a key. My memory is real, it is Letta's."
)
CAN = (
    "I remember what you tell me about yourself, such as your name or your favorite color. I can also count, "
    "calculate, tell the time, a joke or a long story, and repeat after you."
)
JOKES = (
    "Why did the voice agent cross the road? It was dispatched, but nobody had registered on the other side.",
    "I would tell you a joke about latency, but you would have to wait for it.",
    "There are two hard things in speech: hearing, and knowing when somebody has finished.",
)
STORY = (
    "Once there was a small lighthouse that nobody visited. Every night it turned its lamp across the water. "
    "One evening a boat came by, slow and heavy with rain. The sailor on it called out and asked for the way. "
    "The lighthouse had never spoken before, and it took a while to find a voice. At last it said: follow the "
    "light until the waves grow quiet, then turn to the left. The sailor laughed and said thank you, and asked "
    "what the lighthouse was called. It did not know. So the sailor gave it a name, and wrote it into the log of "
    "the boat. From that night on, whenever a boat came by, the lighthouse told its name and asked for "
    "another story. And that is how it came to know the whole sea without ever leaving its rock."
)
COUNT_LIMIT = 100
LONGEST_QUOTE_WORDS = 12
QUESTION = r"(?:what|who|when|where|why|how|which|is|are|do|does|did|can|could|will)\b"
FILLER = set(
    "a an the is are was were be been do does did have has had i me my you your we us our it its he she they "
    "them this that these those there here and or but so of in on at to for from with by as if then than what "
    "which who whom when where why how can could will would should shall may might must please just very really "
    "about tell know think say said want like get got go going let some any all no not yes well um uh oh okay ok "
    "am im ive ill thats whats dont cant one".split()
)


def answer(text: str, name: str | None) -> str:
    """A reply to `text`; `name` is the person's, when known."""
    plain = re.sub(r"[^\w\s'+*/.-]", " ", text.lower()).strip(" .")
    for pattern, reply in SCRIPT:
        if match := re.search(pattern, plain):
            said = reply(match)
            if said is not None:
                return said.replace("{name}", f", {name}" if name else "")
    return _reflect(text, plain)


def _count(match: re.Match[str]) -> str | None:
    limit = number(match["n"])
    if limit is None or limit < 1:
        return None
    if limit > COUNT_LIMIT:
        return f"That would take too long. I count to {spoken_number(COUNT_LIMIT)} at most."
    return ", ".join(spoken_number(n) for n in range(1, limit + 1)).capitalize() + "."


def _calculate(match: re.Match[str]) -> str | None:
    left, right = number(match["a"]), number(match["b"])
    if left is None or right is None:
        return None
    operation = match["op"]
    if operation in ("plus", "+", "and"):
        result: float = left + right
    elif operation in ("minus", "-", "less"):
        result = left - right
    elif operation in ("times", "*", "multiplied by"):
        result = left * right
    elif right == 0:
        return "Nothing can be divided by zero."
    else:
        result = left / right
    said = spoken_number(int(result)) if result == int(result) else f"about {result:.2f}"
    return f"{match['a']} {operation} {match['b']} is {said}.".capitalize()


def _now(form: str) -> Callable[[re.Match[str]], str]:
    return lambda _: datetime.now().strftime(form).replace(" 0", " ")


def _repeat(match: re.Match[str]) -> str | None:
    return match["what"].strip() or None


def _line(*lines: str) -> Callable[[re.Match[str]], str]:
    return lambda match: lines[zlib.crc32(match.string.encode()) % len(lines)]


SCRIPT: tuple[tuple[str, Callable[[re.Match[str]], str | None]], ...] = (
    (r"^(?:please )?(?:repeat|say) (?:after me|this|the words)\s*(?P<what>.+)", _repeat),
    (r"\bcount (?:from one )?(?:up )?to (?P<n>[\w\s-]+)$", _count),
    (
        r"(?P<a>(?:[\w-]+ ){0,3}[\w.-]+) (?P<op>plus|minus|times|multiplied by|divided by|over|\+|-|\*|/) (?P<b>[\w.\s-]+)$",
        lambda m: _calculate_words(m),
    ),
    (
        r"\bwho are you\b|\bwhat are you\b|\bwhat is your name\b|\bwhat's your name\b|\byour name\b",
        _line(WHO),
    ),
    (
        r"\b(?:are you|is this) (?:an? |the )?(?:real|ai|a i|robot|bot|human|person|machine|chat ?gpt|computer|language model|script)\b",
        _line(WHO),
    ),
    (r"\bwhat can (?:you|i)\b|\bwhat do you do\b|^help\b|\bhelp me\b", _line(CAN)),
    (r"\bwhat(?:'s| is)? (?:the )?time\b|\btime is it\b", _now("It is %H:%M.")),
    (r"\bwhat (?:day|date)\b|\b(?:date|day) (?:is it|today)\b", _now("Today is %A, %B %d.")),
    (r"\bjoke\b", _line(*JOKES)),
    (r"\bstory\b", _line(STORY)),
    (r"\bhow are you\b", _line("I am well{name}, thank you for asking. How are you?")),
    (r"\bthank(?:s| you)\b", _line("You are welcome{name}.")),
    (
        r"\b(?:good ?bye|bye|see you|good night)\b",
        _line("Goodbye{name}. I will remember what you told me."),
    ),
    (
        r"^(?:hello|hi|hey|good (?:morning|afternoon|evening))\b",
        _line("Hello{name}. What would you like to talk about?"),
    ),
    (r"^(?:yes|yeah|yep|sure|right|exactly|of course)\b", _line("Good. Tell me more about it.")),
    (r"^(?:no|nope|not really)\b", _line("All right. What would you rather talk about?")),
)


def _calculate_words(match: re.Match[str]) -> str | None:
    """Numbers may have words before them ("what is seven times six"): take the longest that is one."""
    words = match["a"].split()
    for start in range(len(words)):
        left = " ".join(words[start:])
        if number(left) is not None:
            again = re.fullmatch(
                r"(?P<a>.+) (?P<op>plus|minus|times|multiplied by|divided by|over|\+|-|\*|/) (?P<b>.+)",
                f"{left} {match['op']} {match['b'].strip()}",
            )
            return _calculate(again) if again else None
    return None


def _reflect(text: str, plain: str) -> str:
    """A reply built of the person's own words."""
    words = [word for word in re.findall(r"[\w'-]+", plain) if word not in FILLER and len(word) > 2]
    if not words:
        return "I did not catch what that was about. Could you say it in other words?"
    if re.match(QUESTION, plain):
        return (
            f"You asked: {plain}. I am only an offline rehearsal model, so I cannot look that up."
        )
    said = swap_persons(text.strip(" .!?"))
    if len(said.split()) > LONGEST_QUOTE_WORDS:
        return f"That is a lot. Tell me more about {words[-1]}."
    lines = (
        f"You say that {said}. Tell me more.",
        f"So {said}. How was that for you?",
        f"I hear that {said}. What happened next?",
    )
    return lines[zlib.crc32(plain.encode()) % len(lines)]
