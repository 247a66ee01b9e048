"""What is said: the texts of the recordings of people, and sentences for voices that are made."""

from __future__ import annotations

from dataclasses import dataclass

# Recordings of people in the wheel of moonshine-voice. The first two are Dickens and Beckett to the
# letter; the third is a talk with Beckett's words, written down by listening.
RECORDINGS = {
    "two_cities.wav": (
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the "
        "age of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was "
        "the season of light, it was the season of darkness, it was the spring of hope, it was the "
        "winter of despair, we had everything before us, we had nothing before us, we were all "
        "going direct to heaven, we were all going direct the other way. In short, the period was "
        "so far like the present period, that some of its noisiest authorities insisted on its "
        "being received, for good or for evil, in the superlative degree of comparison only."
    ),
    "beckett.wav": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
    "endgame_nagg_nell.wav": (
        "Do you hear me? Yes. Do you hear me? Yes. We laugh less heartily, so we have still that "
        "resource. Laugh less heartily, so we have still that resource. No, not heartily, just "
        "less heartily. Ah, that's a good story. Ah, that's a good story. What are you talking "
        "about? Laughing. You thought you were in pain. Not now. Do you remember the day I went "
        "and fetched you from that ditch? No."
    ),
}


@dataclass(frozen=True)
class Sentences:
    """A kind of things that callers say. `letters`: compared letter by letter, not by words."""

    kind: str
    texts: tuple[str, ...]
    letters: bool = False


TALK = Sentences(
    "talk",
    (
        "My favorite color is green.",
        "What do you know about me?",
        "I live in a small town near the sea.",
        "Tell me something about the weather in winter.",
        "I would like to go for a long walk tomorrow morning, if it does not rain.",
        "Can you help me to plan a dinner for my friends?",
        "My dog is old, but he still likes to run in the garden.",
        "I work as a teacher in a school for young children.",
        "Good bye and see you again next week.",
        "The lights in the kitchen do not work any more.",
    ),
)
NAMES = Sentences(
    "names",
    (
        "My name is Michael Johnson.",
        "Please call Sarah Miller tomorrow.",
        "This is David Thompson from Chicago.",
        "I would like to speak with Emily Carter.",
        "Send it to Robert Wilson in Boston.",
    ),
)
NUMBERS = Sentences(
    "numbers",
    (
        "My number is four one five, two seven three, nine eight six one.",
        "The train leaves at seven forty five.",
        "I need three hundred and fifty boxes.",
        "She was born in nineteen eighty four.",
        "My flight is number seven three two.",
    ),
)
LETTERS = Sentences(
    "letters",
    (
        "S, C, H, M, I, D, T.",
        "It is spelled A, N, D, R, E, W.",
        "The code is B, seven, K, two, X.",
    ),
    letters=True,
)
LONG = Sentences(
    "20 s",
    (
        "Yesterday I went to the market to buy some bread and a few apples, and on the way back I "
        "met an old friend of mine who had just come home from a long journey through the south of "
        "France, so we sat down in the little cafe at the corner and talked about everything that "
        "had happened since we saw each other last summer.",
    ),
)
ANSWERS = Sentences(
    "two words",
    (
        "Yes.",
        "No thanks.",
        "Yes please.",
        "Not really.",
        "I think so.",
        "Sounds good.",
        "Never mind.",
        "That is right.",
    ),
)
KINDS = (TALK, NAMES, NUMBERS, LETTERS, LONG, ANSWERS)
