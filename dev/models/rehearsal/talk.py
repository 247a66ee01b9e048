"""What the partner says about everything that is not a fact about the person.

Scripted, and it says so. Every line is about what was said: it quotes it, computes it or does it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime

from dev.models.rehearsal.fact import swap_persons
from dev.models.rehearsal.numbers import number, spoken_number

WHO = (
    "I am the offline rehearsal model: a script that stands in for a language model, so that you "
    "can try your voice agent without a key. My memory is real, it is Letta's."
)
CAN = (
    "I remember what you tell me about yourself, such as your name or your favorite color. I can "
    "also count, calculate, tell the time, a joke or a long story, and repeat after you."
)
CANNOT = (
    "I cannot do that, I am only an offline rehearsal model. Tell me something about you, "
    "and I will remember it."
)
LETTA = "Letta keeps my memory: what you tell me about yourself is still there when you call again."
JOKES = (
    "Why did the voice agent cross the road? It was dispatched, but nobody had registered on the "
    "other side.",
    "I would tell you a joke about latency, but you would have to wait for it.",
    "There are two hard things in speech: hearing, and knowing when somebody has finished.",
)
STORY = (
    "Once there was a small lighthouse that nobody visited. Every night it turned its lamp across "
    "the water. One evening a boat came by, slow and heavy with rain. The sailor on it called out "
    "and asked for the way. The lighthouse had never spoken before, and it took a while to find a "
    "voice. At last it said: follow the light until the waves grow quiet, then turn to the left. "
    "The sailor laughed and said thank you, and asked what the lighthouse was called. It did not "
    "know. So the sailor gave it a name, and wrote it into the log of the boat. From that night "
    "on, whenever a boat came by, the lighthouse told its name and asked for another story. And "
    "that is how it came to know the whole sea without ever leaving its rock."
)
COUNT_LIMIT = 100
LONGEST_QUOTE_WORDS = 12
QUESTION = re.compile(
    r"(?:what|who|when|where|why|how|which|is|are|am|do|does|did|has|have|was|were|will|what's|who's)\b"
)
REQUEST = re.compile(r"(?:please|can you|could you|would you|will you)\b")
FILLER = set(
    "a an the is are was were be been do does did have has had i me my you your we us our it its he she they "
    "them this that these those there here and or but so of in on at to for from with by as if then than what "
    "which who whom when where why how can could will would should shall may might must please just very really "
    "about tell know think say said want like get got go going let some any all no not yes well um uh oh okay ok "
    "am im ive ill thats whats dont cant one i'm i've i'll i'd what's who's".split()
)
OPERATION = r"plus|minus|times|multiplied by|divided by|over|\+|-|\*|/"

Reply = Callable[[re.Match[str]], str | None]


def scripted(text: str, name: str | None) -> str | None:
    """The scripted reply to `text`, if there is one; `name` is the person's, when known."""
    plain = _plain(text)
    for pattern, reply in SCRIPT:
        if match := re.search(pattern, plain):
            said = reply(match)
            if said is not None:
                return said.replace("{name}", f", {name}" if name else "")
    return None


def reflect(text: str) -> str:
    """A reply built of the person's own words."""
    plain = _plain(text)
    words = content(plain)
    if not words:
        return "I did not catch what that was about. Could you say it in other words?"
    if REQUEST.match(plain):
        return CANNOT
    if QUESTION.match(plain):
        return f"You asked: {plain}? I am only an offline rehearsal model and cannot look that up."
    said = swap_persons(text.strip(" .!?"))
    if len(said.split()) > LONGEST_QUOTE_WORDS:
        return f"That is a lot. Tell me more about {words[-1]}."
    if not re.match(
        r"(?:i|i'm|i've|you|we|my|our|the|it|he|she|they|there|today|yesterday)\b", plain
    ):
        return f"Tell me more about {words[-1]}."
    lines = (
        f"You say that {said}. Tell me more.",
        f"So {said}. How was that for you?",
        f"I hear that {said}. What happened next?",
    )
    return _one_of(lines, plain)


def content(text: str) -> list[str]:
    """The words of `text` that say what it is about."""
    words = re.findall(r"[\w'-]+", text.lower())
    return [word for word in words if word not in FILLER and len(word) > 2]


def is_question(text: str) -> bool:
    return bool(QUESTION.match(_plain(text)))


def _plain(text: str) -> str:
    plain = re.sub(r"[^\w\s'+*/.-]", " ", text.lower()).strip(" .")
    return re.sub(r"\s+(?:please|for me)$", "", plain)


def _one_of(lines: Sequence[str], text: str) -> str:
    """Always the same line for the same words."""
    return lines[zlib.crc32(text.encode()) % len(lines)]


def _line(*lines: str) -> Reply:
    return lambda match: _one_of(lines, match.string)


def _count(match: re.Match[str]) -> str | None:
    limit = number(match["n"])
    if limit is None or limit < 1:
        return None
    if limit > COUNT_LIMIT:
        return f"That would take too long. I count to {spoken_number(COUNT_LIMIT)} at most."
    return ", ".join(spoken_number(n) for n in range(1, limit + 1)).capitalize() + "."


def _calculate(match: re.Match[str]) -> str | None:
    """Numbers may have words before them ("what is seven times six"): the longest that is one."""
    words, right = match["a"].split(), number(match["b"])
    tails = (" ".join(words[start:]) for start in range(len(words)))
    a = next((tail for tail in tails if number(tail) is not None), None)
    left = number(a) if a else None
    if left is None or right is None:
        return None
    operation = match["op"]
    if operation in ("plus", "+"):
        result: float = left + right
    elif operation in ("minus", "-"):
        result = left - right
    elif operation in ("times", "*", "multiplied by"):
        result = left * right
    elif right == 0:
        return "Nothing can be divided by zero."
    else:
        result = left / right
    said = spoken_number(int(result)) if result == int(result) else f"about {round(result, 2):g}"
    return f"{a} {operation} {match['b'].strip()} is {said}.".capitalize()


def _now(form: str) -> Reply:
    return lambda _: datetime.now().strftime(form).replace(" 0", " ")


def _repeat(match: re.Match[str]) -> str | None:
    return match["what"].strip().capitalize() + "."


SCRIPT: tuple[tuple[str, Reply], ...] = (
    (r"^(?:please )?(?:repeat|say)(?: after me| this| the words)?\s+(?P<what>.+)", _repeat),
    (r"\bcount (?:from one )?(?:up )?to (?P<n>[\w\s-]+)$", _count),
    (rf"(?P<a>(?:[\w-]+ ){{0,3}}[\w.-]+) (?P<op>{OPERATION}) (?P<b>[\w.\s-]+)$", _calculate),
    (r"\b(?:who|what) are you\b|\bwhat(?: is|'s) your name\b|\byour name\b", _line(WHO)),
    (
        r"\b(?:are you|is this) (?:an? |the )?(?:real|ai|a i|robot|bot|human|person|machine|chat ?gpt|"
        r"computer|language model|script|recording)\b",
        _line(WHO),
    ),
    (
        r"\bhow old are you\b|\bwhere (?:do you live|are you)\b",
        _line("I have no age and no home: I am an offline rehearsal model on your own machine."),
    ),
    (r"\b(?:what|who) is (?:letta|letter)\b|\bdo you have (?:a )?memory\b", _line(LETTA)),
    (r"\bwhat can (?:you|i)\b|\bwhat do you do\b|^help\b|\bhelp me$", _line(CAN)),
    (r"\bcan you hear me\b|\bare you (?:there|listening)\b", _line("Yes{name}, I can hear you.")),
    (r"\bwhat(?:'s| is)? (?:the )?time\b|\btime is it\b", _now("It is %H:%M.")),
    (
        r"\bwhat(?:'s| is)? (?:the )?(?:day|date)\b|\b(?:date|day) is it\b",
        _now("Today is %A, %B %d."),
    ),
    (r"\bjoke\b", _line(*JOKES)),
    (r"\bstory\b", _line(STORY)),
    (
        r"^(?:please )?(?:stop|be quiet|shut up|wait|hold on|never ?mind)\b",
        _line("Okay. I am listening."),
    ),
    (r"\bhow are you\b", _line("I am well{name}, thank you for asking. How are you?")),
    (
        r"\b(?:i'm|i am|im) (?:fine|good|well|okay|ok|great|happy)\b",
        _line("Good to hear{name}. What shall we talk about?"),
    ),
    (
        r"\b(?:i'm|i am|im|i feel|feeling) (?:a little |a bit |very |so |really )?"
        r"(?P<how>sad|tired|sick|ill|lonely|angry|bored|stressed|worried)\b",
        lambda match: f"I am sorry that you are {match['how']}. Do you want to tell me why?",
    ),
    (
        r"^do you (?:like|love|enjoy) (?P<what>.+)$",
        lambda match: f"I am only a script, I like nothing. But do you like {match['what']}?",
    ),
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
    (r"^(?:okay|ok|all right|alright|fine)$", _line("All right. What else is on your mind?")),
    (r"^(?:um+|uh+|hm+|mm+|uh huh|mm hm|huh|er)$", _line("Go on, I am listening.")),
    (r"^why\b(?: not)?$", _line("I cannot say why, I only follow a script. What do you think?")),
)
