"""English as it is read out: money, times, dates, years, abbreviations, units, signs.

Plain numbers are left as they are: the phonemizer reads them, in every language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date

from phonenumbers import Leniency, PhoneNumberMatcher

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH = "|".join([*_MONTHS, *(f"{month[:3]}" for month in _MONTHS), "Sept"])
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TENS = {
    0: "hundreds", 10: "tens", 20: "twenties", 30: "thirties", 40: "forties", 50: "fifties",
    60: "sixties", 70: "seventies", 80: "eighties", 90: "nineties",
}  # fmt: skip
_CURRENCIES = {  # one, many, one and many of its hundredth
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "JPY": ("yen", "yen", "", ""),
}
_SIZES = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion",
    "t": "trillion", "tn": "trillion",
}  # fmt: skip
_UNITS = {  # one, many
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"),
    "Mbit/s": ("megabit per second", "megabits per second"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "m": ("meter", "meters"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "lb": ("pound", "pounds"), "lbs": ("pounds", "pounds"), "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"), "L": ("liter", "liters"), "l": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"), "ms": ("millisecond", "milliseconds"),
    "s": ("second", "seconds"), "sec": ("second", "seconds"), "min": ("minute", "minutes"),
    "h": ("hour", "hours"), "hr": ("hour", "hours"), "hrs": ("hours", "hours"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "GHz": ("gigahertz", "gigahertz"), "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"), "W": ("watt", "watts"), "V": ("volt", "volts"),
    "°C": ("degree Celsius", "degrees Celsius"), "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "%": ("percent", "percent"),
}  # fmt: skip
_ABBREVIATIONS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor",
    "Jr.": "Junior", "Sr.": "Senior", "Mt.": "Mount", "Ave.": "Avenue", "Blvd.": "Boulevard",
    "Rd.": "Road", "Ltd.": "Limited", "Inc.": "Incorporated", "Co.": "Company", "Corp.":
    "Corporation", "Fig.": "Figure", "Gen.": "General", "Gov.": "Governor", "Sen.": "Senator",
    "Rev.": "Reverend", "Capt.": "Captain", "Lt.": "Lieutenant", "Sgt.": "Sergeant",
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus",
    "Bldg.": "Building", "Apt.": "Apartment", "Rm.": "Room", "Ste.": "Suite", "Hwy.": "Highway",
    "approx.": "approximately", "dept.": "department", "est.": "estimated", "cf.": "compare",
    "w/o": "without", "w/": "with", "a.k.a.": "also known as", "vs": "versus",
}  # fmt: skip
_FRACTIONS = {
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter",
    "3/4": "three quarters", "1/5": "one fifth", "1/8": "one eighth", "1/10": "one tenth",
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters",
}  # fmt: skip
_ROMAN = {
    tens + ones: str(10 * ten + one)
    for ten, tens in enumerate(("", "X", "XX", "XXX"))
    for one, ones in enumerate(("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"))
}
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "×": " times ", "÷": " divided by ",
    "≈": " about ", "≤": " at most ", "≥": " at least ", "<": " less than ", ">": " greater than ",
    "→": " to ", "±": " plus or minus ", "§": " section ", "_": " ", "*": " ", "^": " ",
    "|": ", ", "\\": " ", "#": " ", "~": " ", "{": " ", "}": " ", "©": " ", "®": " ", "™": " ",
    "•": ", ", "`": " ", "$": " dollars ", "€": " euros ", "£": " pounds ",
}  # fmt: skip

_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def as_said(text: str, region: str = "US") -> str:
    """`text` in the words that a person would read from it."""
    for match in reversed(list(PhoneNumberMatcher(text, region, leniency=Leniency.VALID))):
        text = text[: match.start] + _one_by_one(match.raw_string) + text[match.end :]
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = "".join(_SIGNS.get(each, each) for each in text)
    return re.sub(r"\s+([.,!?;:])", r"\1", " ".join(known_letters(text).split()))


def known_letters(text: str) -> str:
    """`text` without letters of other scripts, of each of which a voice would say "Chinese letter"
    and the like. Greek ones have names."""
    return "".join(
        each
        for each in text
        if not each.isalpha() or unicodedata.name(each, "").startswith(("LATIN", "GREEK", "MICRO"))
    )


def _one_by_one(number: str) -> str:
    """`555-0123` → `5 5 5, 0 1 2 3`."""
    groups = [" ".join(group) for group in re.findall(r"\d+", number)]
    return ("plus " if number.lstrip().startswith("+") else "") + ", ".join(groups)


def _money(match: re.Match[str]) -> str:
    sign, amount, size = match["sign"] or match["code"], match["amount"], match["size"]
    one, many, hundredth, hundredths = _CURRENCIES[sign]
    if size:
        return f"{amount} {_SIZES.get(size.lower(), size.lower())} {many}"
    whole, _, part = amount.partition(".")
    if not (part and hundredth and len(part) == 2):
        return f"{amount} {one if amount == '1' else many}"
    cents = int(part)
    small = f"{cents} {hundredth if cents == 1 else hundredths}"
    large = f"{whole} {one if whole == '1' else many}"
    if whole == "0" and cents:
        return small
    return f"{large} and {small}" if cents else large


def _time(match: re.Match[str]) -> str:
    hour, minute, half = int(match["hour"]), match["minute"], match["half"]
    if not half and (hour > 12 or hour == 0):
        half, hour = ("p" if hour > 12 else "a"), (hour - 12 if hour > 12 else 12)
    tail = f" {half.upper()} M" if half else ""
    if not minute or minute == "00":
        return f"{hour}{tail}" if tail else f"{hour} o'clock"
    return f"{hour} {f'oh {minute[1]}' if minute[0] == '0' else minute}{tail}"


def _iso_date(match: re.Match[str]) -> str:
    return _date(match, int(match["year"]), int(match["month"]), int(match["day"]))


def _date(match: re.Match[str], year: int, month: int, day: int) -> str:
    try:
        date(year, month, day)
    except ValueError:  # some other number
        return match[0]
    return f"{_MONTHS[month - 1]} {_ordinal(day)}, {_year(year)}"


def _month_and_day(match: re.Match[str]) -> str:
    month = next(month for month in _MONTHS if month[:3] == match["name"][:3])
    said = f"{month} {_ordinal(int(match['day']))}," if match["day"] else month
    return f"{said} {_year(int(match['year']))}" if match["year"] else said.rstrip(",")


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number % 100 < 14 else ending}"


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if not 1100 <= year < 2100 or 2000 <= year < 2010:
        return str(year)
    return f"{century} {'hundred' if not rest else f'oh {rest}' if rest < 10 else rest}"


def _decade(match: re.Match[str]) -> str:
    year = int(match["year"])
    if year < 100:
        return _TENS[year]
    return f"{year // 100} {_TENS[year % 100]}" if year % 1000 else f"{year}s"


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    return f"{match['amount']} {one if match['amount'] == '1' else many}"


def _day(match: re.Match[str]) -> str:
    return next(day for day in _DAYS if day[:3] == match[0][:3])


def _initials(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(".", "")) + _stop(match)


def _stop(match: re.Match[str]) -> str:
    """The full stop of an abbreviation ends the sentence as well where the text ends."""
    return "." if match[0].endswith(".") and match.end() == len(match.string) else ""


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_AMOUNT = r"(?P<amount>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
_SIZE = r"(?P<size>thousand|million|billion|trillion|[kKmMbB]n?|[tT]n?)\b"
_YEAR = r"(?P<year>1[1-9]\d\d|20\d\d)"
_HALF = r"(?P<half>[aApP])\.?\s?[mM]\b\.?"
_LETTERS = r"(?<![\w.])"

_RULES: tuple[_Rule, ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b\d{3}[-.]\d{3}[-.]\d{4}\b|\b\d{3}-\d{4}\b", lambda m: _one_by_one(m[0])),
        (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso_date),
        (
            r"\b(\d\d?)/(\d\d?)/(\d{4})\b",
            lambda m: _date(m, int(m[3]), int(m[1]), int(m[2])),
        ),
        (
            rf"\b(?P<name>{_MONTH})\b\.?\s(?P<day>\d\d?)(?:st|nd|rd|th)?\b(?!:)(?:,?\s{_YEAR}\b)?",
            _month_and_day,
        ),
        (rf"\b(?P<name>{_MONTH})(?P<day>)\.?,?\s{_YEAR}\b", _month_and_day),
        (r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s?" + _HALF + r")?(?!\d)", _time),
        (r"\b(?P<hour>1[0-2]|[1-9])(?P<minute>)\s?" + _HALF, _time),
        (rf"(?:US|CA|AU)?(?P<sign>[$€£¥₹])(?P<code>)\s?{_AMOUNT}(?:\s?{_SIZE})?", _money),
        (rf"\b{_AMOUNT}(?:\s?{_SIZE})?\s?(?P<code>USD|EUR|GBP|JPY)\b(?P<sign>)", _money),
        (rf"\b{_AMOUNT}(?P<size>)\s?(?P<sign>[€£])(?P<code>)(?!\d)", _money),
        (
            r"(?<=[a-z])\s?/\s?(month|year|hour|day|week|night|person|minute)\b",
            lambda m: f" per {m[1]}",
        ),
        (r"(?<![\w/])(?:1/2|1/3|2/3|1/4|3/4|1/5|1/8|1/10)(?![\w/])", lambda m: _FRACTIONS[m[0]]),
        (
            r"(\d?)([½⅓⅔¼¾])",
            lambda m: f"{m[1]} and {_FRACTIONS[m[2]]}" if m[1] else _FRACTIONS[m[2]],
        ),
        (r"(?:\b|['’])(?P<year>1[1-9]\d0|20\d0|[2-9]0)s\b", _decade),
        (
            r"\b(1[1-9]\d\d|20\d\d)\s?[-–]\s?(1[1-9]\d\d|20\d\d)\b",
            lambda m: f"{_year(int(m[1]))} to {_year(int(m[2]))}",
        ),
        (
            rf"(?i)\b(in|since|until|till|by|before|after|during|around|from|year|spring|summer|"
            rf"autumn|fall|winter|early|late|of)\s{_YEAR}\b(?![,.]?\d)(?!\s?%)",
            lambda m: f"{m[1]} {_year(int(m['year']))}",
        ),
        (rf"\({_YEAR}\)", lambda m: f"({_year(int(m['year']))})"),
        (rf"\b{_YEAR}(?=,? (?:AD|BC|CE)\b)", lambda m: _year(int(m["year"]))),
        (r"(?<=\d)\s?[-–—]\s?(?=\d)", lambda _: " to "),
        (r"(?<![\w)])[-−](?=\d)", lambda _: "minus "),
        (rf"(?<![\w.]){_AMOUNT}\s?(?P<unit>{_any(_UNITS)})(?!\w)", _unit),
        (r"\bN(?:o|r)\.\s?(?=\d)|#(?=\d)", lambda _: "number "),
        (r"\b(?<=[A-G])#(?!\w)", lambda _: " sharp"),
        (r"(?<=\d)x\b(?! \d)", lambda _: " times"),
        (r"~\s?(?=\d)", lambda _: "about "),
        (r"\b([A-Z]\w*|\d+\w+)\sSt\.", lambda m: f"{m[1]} Street{_stop(m)}"),
        (r"\bSt\.", lambda _: "Saint"),
        (rf"{_LETTERS}(?:{_any(_ABBREVIATIONS)})(?!\w)", lambda m: _ABBREVIATIONS[m[0]] + _stop(m)),
        (r"\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.(?=,| at\b| \d| [A-Z][a-z]+\.? \d)", _day),
        (r"\b(?:[A-Z]\.){2,}", _initials),
        (
            r"\b(Act|Article|Chapter|Class|Level|Part|Phase|Scene|Section|Type|Volume) ([IVX]+)\b",
            lambda m: f"{m[1]} {_ROMAN.get(m[2], m[2])}",
        ),
        (r"(?<=[a-z] )[IVX]{2,}\b", lambda m: _ROMAN.get(m[0], m[0])),
        (r"\band/or\b", lambda _: "and or"),
        (r"(?<=[A-Za-z])/(?=[A-Za-z])", lambda _: " or "),
        (r"/", lambda _: " slash "),
        (r"(?<=\d)\s?[xX]\s?(?=\d)", lambda _: " by "),
        (r"(?<![\d.,])0\d+\b(?!\.\d)", lambda m: " ".join(m[0])),
    )
)
