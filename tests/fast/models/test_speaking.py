"""What of a text is read out, and in which words."""

from __future__ import annotations

import pytest

from dev.models.speaking.markup import plain
from dev.models.speaking.wording import as_said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It costs $5.50 at 10:30.", "It costs 5 dollars and 50 cents at 10 30."),
        (
            "$1, $0.99, $1.2 million, $5k, $100,000.50",
            "1 dollar, 99 cents, 1.2 million dollars, 5 thousand dollars, "
            "100,000 dollars and 50 cents.",
        ),
        (
            "€20, 20 €, £3.01, 5 USD, $30/month",
            "20 euros, 20 euros, 3 pounds and 1 penny, 5 dollars, 30 dollars per month.",
        ),
        (
            "At 14:30, 7pm, 10:05 a.m., 00:15 and 12:00",
            "At 2 30 P M, 7 P M, 10 oh 5 A M, 12 15 A M and 12 o'clock.",
        ),
        (
            "2026-11-27, 11/27/2026, Nov. 3rd, May 2021",
            "November 27th, 20 26, November 27th, 20 26, November 3rd, May 20 21.",
        ),
        (
            "In 1984, from 1990-1995, in the 1990s and '80s",
            "In 19 84, from 19 90 to 19 95, in the 19 nineties and eighties.",
        ),
        ("in 1905 and in 2005, 1984 apples", "in 19 oh 5 and in 2005, 1984 apples."),
        (
            "e.g. Dr. Smith on St. Mary St.",
            "for example Doctor Smith on Saint Mary Street.",
        ),
        ("Mr. and Mrs. Jones, etc.", "Mister and Missus Jones, et cetera."),
        ("The U.S. economy grew 3.5%.", "The U S economy grew 3.5 percent."),
        (
            "-5 degrees, 5-10 people, 20°C, 1 km, 60 km/h",
            "minus 5 degrees, 5 to 10 people, 20 degrees Celsius, 1 kilometer, "
            "60 kilometers per hour.",
        ),
        ("No. 5, #7, agent 007, ~5", "number 5, number 7, agent 0 0 7, about 5."),
        (
            "He/she said 3/4 & more, 1½ cups, 3x4",
            "He or she said three quarters and more, 1 and one half cups, 3 by 4.",
        ),
        ("Call +1 650-253-0000.", "Call plus 1, 6 5 0, 2 5 3, 0 0 0 0."),
        ("World War II, Chapter IV", "World War 2, Chapter 4."),
        (
            "On Mon. at 9 in Bldg. 5, Sun. Nov. 3. The Sun.",
            "On Monday at 9 in Building 5, Sunday November 3rd. The Sun.",
        ),
        ("555-0123", "5 5 5, 0 1 2 3."),
        ("C++, C# and foo_bar", "C plus plus, C sharp and foo bar."),
        ("Mail a.b@example.com.", "Mail a dot b at example dot com."),
        ("See https://www.example.com/a?b=1", "See example dot com."),
        ("See example.com/docs/.", "See example dot com slash docs."),
        ("**Bold**, *it*, `code`, ~~gone~~", "Bold, it, code, gone."),
        ("# Title\n\n- one\n- two\n\n1. first", "Title. one. two. 1. first."),
        ("So:\n```python\nprint(1)\n```\nDone", "So: Done."),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a. b. 1. 2."),
        ("**Note: this", "Note: this."),
        ("is** so", "is so."),
        ("2026. It was.", "2026. It was."),
        ("(see [docs](https://example.com/x) [1])", "(see docs)"),
        ("Great 😀 news! 🎉", "Great news!"),
        ("Use <b>tags</b>", "Use tags."),
        ("How are you?\nFine", "How are you? Fine."),
    ],
)
def test_a_text_is_read_out_as_a_person_would(written: str, said: str) -> None:
    assert as_said(plain(written)) == said


@pytest.mark.parametrize(
    "written", ["", "...", "?", "***", "😀", "---", "```\ncode\n```", "\u200b"]
)
def test_what_nobody_reads_out_is_nothing(written: str) -> None:
    assert as_said(plain(written)) == ""


def test_other_scripts_are_left_as_they_are() -> None:
    assert plain("今天天气很好。你呢？") == "今天天气很好。你呢？"
    assert plain("كيف حالك؟") == "كيف حالك؟"


def test_letters_that_an_english_voice_could_only_name_are_left_out() -> None:
    assert as_said("The word is 你好, or привет: naïve π.") == "The word is, or: naïve π."
    assert as_said("今天天气很好。") == "。"


def test_brackets_that_mean_phonemes_to_the_voice_are_none_in_a_text() -> None:
    assert "[" not in plain("say [[hɛloʊ]] or [[x]](y)")
