"""What --rooms and --minutes ask for."""

from __future__ import annotations

import pytest

from tools.bench.__main__ import FIGURES, parse


@pytest.mark.parametrize(
    ("arguments", "wanted", "rooms", "minutes"),
    [
        ([], list(FIGURES), (), None),
        (["--rooms", "5"], ["load"], (5,), None),
        (["--rooms", "10,1,2"], ["load"], (1, 2, 10), None),
        (["--minutes", "30"], ["endurance"], (), 30.0),
        (["--rooms", "2", "--minutes", "0.5"], ["endurance"], (2,), 0.5),
        (["--rooms", "1,2", "--minutes", "5"], ["load", "endurance"], (1, 2), 5.0),
        (["--only", "turns", "--rooms", "2"], ["turns"], (2,), None),
        (["--only", "load"], ["load"], (), None),
    ],
)
def test_rooms_and_minutes_choose_the_figures(
    arguments: list[str], wanted: list[str], rooms: tuple[int, ...], minutes: float | None
) -> None:
    wish = parse(arguments)
    assert (wish.wanted, wish.rooms, wish.minutes) == (wanted, rooms, minutes)


@pytest.mark.parametrize(
    "arguments",
    [["--rooms", "0"], ["--rooms", "two"], ["--rooms", "1,"], ["--rooms", "51"],
     ["--minutes", "0"], ["--minutes", "-3"], ["--minutes", "soon"]],
)  # fmt: skip
def test_nonsense_is_refused_with_the_value(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert repr(arguments[1]) in capsys.readouterr().err
