"""The last lines of every log, whatever is in it. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LINES, BYTES = 2000, 300_000
FILES = 12
LINE_CHARACTERS = 8000


def last_lines(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and end of each log in `folder`, the latest written first."""
    try:
        found = [path for path in folder.iterdir() if path.is_file() and ".log" in path.name]
        found.sort(key=lambda path: -path.stat().st_mtime)
    except OSError:
        return
    for path in found[:FILES]:
        yield path.name, end_of(path)


def end_of(path: Path, lines: int = LINES, limit: int = BYTES) -> str:
    """The last lines of one file, none of them begun in its middle."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - limit)
            file.seek(start)
            data = file.read(limit)
    except OSError as error:
        return f"({path.name} cannot be read: {error.strerror})\n"
    # UTF-16 and binary data as well as text: what cannot be seen is taken out by the redactor.
    text = data.decode(errors="replace")
    if start:
        # What is left of a line could be the rest of a secret that nobody recognises.
        text = text.partition("\n")[2]
    kept = text.splitlines()[-lines:]
    cut = start or len(kept) < len(text.splitlines())
    note = [f"({path.name} has {size} bytes; these are its last lines)"] if cut else []
    return "\n".join([*note, *(_shortened(line) for line in kept), ""])


def _shortened(line: str) -> str:
    if len(line) <= LINE_CHARACTERS:
        return line
    # At a space: half a secret at the end would not be recognised.
    text = line[:LINE_CHARACTERS].rpartition(" ")[0]
    return f"{text} … [{len(line) - len(text)} characters cut]"
