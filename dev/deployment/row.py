"""One line of the table: what was tried, what should come of it, and what did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

WIDTHS = (46, 34, 40)


@dataclass(frozen=True)
class Row:
    """`ok` is None for what could not be tried; `got` then says why."""

    endpoint: str
    expected: str
    got: str
    ok: bool | None
    ms: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as aligned lines; what went wrong is never cut."""
    yield _line(("endpoint", "expected", "got"), "ms", "ok")
    for row in rows:
        ms = f"{row.ms:.0f}" if row.ms is not None else ""
        sign = {True: "ok", False: "FAIL", None: "-"}[row.ok]
        yield _line((row.endpoint, row.expected, row.got), ms, sign, whole=not row.ok)


def _line(texts: Sequence[str], ms: str, sign: str, *, whole: bool = False) -> str:
    cells = [f"{_cut(text, width):<{width}}" for text, width in zip(texts, WIDTHS, strict=True)]
    more = f"\n    {texts[2]}" if whole and len(texts[2]) > WIDTHS[2] else ""
    return f"{'  '.join(cells)}  {ms:>6}  {sign}{more}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
