"""Tables of a document that are made from code: what stands between two markers of a page.

Standard library only.
"""

from __future__ import annotations

import sys
from pathlib import Path

ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"


def with_table(page: str, name: str, table: str) -> str:
    """`page` with what stands between the markers of `name` replaced; ValueError without them."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"must hold the lines {begin} and {end}: the table goes between them")
    return f"{before}{begin}\n{table}{end}{after}"


def rewrite(
    arguments: list[str], name: str, table: str, module: str, page: Path = ARCHITECTURE
) -> int:
    """Write the table, or with `--check` only say whether it is up to date; the exit code.

    `module` is what makes it, as Python names it.
    """
    if arguments not in ([], ["--check"]):
        print(f"python -m {module} [--check]", file=sys.stderr)
        return 2
    try:
        text = page.read_text()
        fresh = with_table(text, name, table)
    except (OSError, ValueError) as error:
        print(f"the table “{name}”: {page}: {error}", file=sys.stderr)
        return 1
    if text == fresh:
        return 0
    if arguments:
        print(
            f"{page.name} does not match the code ({name}): run .venv/bin/python -m {module}",
            file=sys.stderr,
        )
        return 1
    page.write_text(fresh)
    print(f"written: {page.name}")
    return 0
