"""Which lines of a program's output tell why it ended: errors and the last line of a traceback."""

import re
from collections.abc import Sequence

MOST = 10
FEW = 3
LONGEST = 400
TRACEBACK = "Traceback (most recent call last):"
PLACE = re.compile(r'\s+File "(?P<file>.+)", line \d+')
PLACED = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+)')
ELSEWHERE = re.compile(r"/site-packages/|/lib/python3|<frozen ")
EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|Exit|Interrupt|Refused|Failed)(?::\s.*)?")
ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|^(?:panic|fatal error|error|fatal|Fatal Python error)\b:?"
    r"|\b[eE]rror: |address already in use",
)


def telling(lines: Sequence[str], *, errors_only: bool = False) -> list[str]:
    """The lines that tell, in order; where no line is an error the last few, unless
    `errors_only`."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at].startswith(TRACEBACK):
            place, exception, at = _traceback(lines, at + 1)
            found += [line for line in (place, exception) if line]
            continue
        if is_error(lines[at]):
            found.append(lines[at])
        at += 1
    if not found and not errors_only:
        found = list(lines[-FEW:])
    return [line.strip()[:LONGEST] for line in found[-MOST:]]


def last_error(lines: Sequence[str]) -> str:
    """The line of those that tell which says it best: the last error, else the last line."""
    errors = [line for line in lines if is_error(line)]
    return (errors or list(lines) or [""])[-1]


def located(said: Sequence[str], root: str) -> str:
    """Of what a program said: its error, after the file below `root` and the line it comes from."""
    lines = telling(said)
    error = last_error(lines)
    # A file that cannot even be read as code is named without a traceback around it.
    places = [found for line in lines if (found := PLACED.match(line))] or [
        found for line in said if (found := PLACED.match(line.strip()))
    ]
    if not places:
        return error
    place = places[-1]
    return f"{place['file'].removeprefix(root + '/')} line {place['line']}: {error}"


def is_error(line: str) -> bool:
    return bool(ERROR.search(line) or EXCEPTION.fullmatch(line))


def _traceback(lines: Sequence[str], at: int) -> tuple[str, str, int]:
    """Where it happened in code of our own (else in any), the exception, and what line follows."""
    places: list[str] = []
    while at < len(lines) and (lines[at].startswith((" ", "\t")) or not lines[at].strip()):
        if PLACE.match(lines[at]):
            places.append(lines[at])
        at += 1
    own = [place for place in places if not ELSEWHERE.search(place)]
    place = (own or places or [""])[-1]
    exception = lines[at] if at < len(lines) else ""
    return place, exception, at + 1
