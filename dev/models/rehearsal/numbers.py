"""Numbers as speech recognition writes them: in words."""

from __future__ import annotations

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = ((1_000_000, "million"), (1000, "thousand"), (100, "hundred"))


def number(text: str) -> int | None:
    """The integer that `text` says, in digits or in English words; None when it is none."""
    words = [word for word in text.replace("-", " ").split() if word != "and"]
    if len(words) == 1 and words[0].isdecimal():
        return int(words[0])
    total = part = 0
    for word in words:
        if word in ONES:
            part += ONES.index(word)
        elif word in TENS:
            part += 10 * TENS.index(word)
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in ("thousand", "million"):
            total += max(part, 1) * (1000 if word == "thousand" else 1_000_000)
            part = 0
        else:
            return None
    return total + part if words else None


def spoken_number(value: int) -> str:
    """`value` in English words."""
    if value < 0:
        return f"minus {spoken_number(-value)}"
    if value < 20:
        return ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return TENS[tens] + (f" {ONES[ones]}" if ones else "")
    for size, name in SCALES:
        if value >= size:
            many, rest = divmod(value, size)
            return f"{spoken_number(many)} {name}" + (f" {spoken_number(rest)}" if rest else "")
    raise AssertionError(value)
