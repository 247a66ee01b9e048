"""The table as it is printed."""

from __future__ import annotations

from tools.bench.results import FigureRow, number, render


def test_a_row_for_each_figure_in_columns() -> None:
    lines = render(
        [
            FigureRow("end of speech → first sound, p50", 0.742, 1.514, "s", "≤ 0.75 s", True),
            FigureRow("job start → ctx connected, p95", 212.4, 98.2, "ms", "≤ 150 ms", False),
            FigureRow("rooms", 10.0, 5.0, ""),
        ]
    ).splitlines()
    assert len(lines) == 5
    assert lines[0].split() == ["figure", "ours", "stock", "ratio", "goal"]
    assert "0.74 s" in lines[2]
    assert "1.51 s" in lines[2]
    assert "0.49" in lines[2]
    assert lines[2].endswith("≤ 0.75 s  met")
    assert lines[3].endswith("≤ 150 ms  SHORT")
    assert "2.16" in lines[3]
    column = lines[0].index("ours")
    assert [line[column - 1] for line in lines] == [" "] * 5
    assert [line[column] for line in lines[2:]] == ["0", "2", "1"]


def test_what_was_not_measured_is_a_dash() -> None:
    row = FigureRow("clone", None, None, "s", "≤ 300 s")
    assert row.ratio is None
    assert render([row]).splitlines()[2].split() == ["clone", "–", "–", "≤", "300", "s"]


def test_numbers_carry_their_unit() -> None:
    assert number(0.7449, "s") == "0.74 s"
    assert number(149.6, "ms") == "150 ms"
    assert number(21.4, "%") == "21 %"
    assert number(10.0, "") == "10"
    assert number(1.284, "GB") == "1.28 GB"
    assert number(0.512, "×") == "0.51 ×"
