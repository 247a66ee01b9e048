"""How a program ended against its will: as a code, in words, and by the lines of its output that
tell why (errors, and of a traceback its place and its exception)."""

import re
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 10
FEW = 3
LONGEST = 400
TRACEBACK = "Traceback (most recent call last):"
PLACE = re.compile(r'\s+File "(?P<file>.+)", line \d+')
PLACED = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+)')
ELSEWHERE = re.compile(r"/site-packages/|/lib/python3|<frozen ")
EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|Exit|Interrupt|Refused|Failed)(?::\s.*)?")
BROKEN_CODE = re.compile(r"(?:Syntax|Indentation|Tab)Error\b")
"""Another start of the same code ends with the same error."""
NOT_LOADED = re.compile(r"(?:Import|ModuleNotFound)Error\b")
ERROR = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|^(?:panic|fatal error|error|fatal|Fatal Python error)\b:?"
    r"|\b[eE]rror: |address already in use",
)


@dataclass(frozen=True)
class ProgramEnd:
    """`code` is the exit code, or the negative number of a signal; None when it never began."""

    code: int | None
    how: str
    cause: str
    log: tuple[str, ...] = ()

    @classmethod
    def of(cls, code: int, output: Sequence[str]) -> "ProgramEnd":
        """The end of a program that returned `code`; `output` is its last lines."""
        if code < 0:
            how = f"was killed (signal {-code}, {signal.Signals(-code).name})"
            # Whoever is killed has no part in it, and so nothing to say, unless it saw it coming.
            return cls(code, how, "killed", tuple(crash_excerpt(output, errors_only=True)))
        return cls(code, f"ended with exit code {code}", "crashed", tuple(crash_excerpt(output)))

    @classmethod
    def never_began(cls, command: Sequence[str], error: OSError) -> "ProgramEnd":
        reason = error.strerror or error
        return cls(None, f"cannot be run ({' '.join(command)}: {reason})", "not-runnable")

    @property
    def broken_code(self) -> bool:
        """Whether its code cannot even be read: no other start helps before a file changes."""
        return bool(BROKEN_CODE.match(last_error(self.log)))

    def text(self, root: str) -> str:
        """How it ended and its error; of code that cannot be loaded also the file below `root` and
        the line."""
        error = last_error(self.log)
        if self.broken_code or NOT_LOADED.match(error):
            error = error_with_place(self.log, root)
        return f"{self.how}: {error}" if error else self.how


def crash_excerpt(lines: Sequence[str], *, errors_only: bool = False) -> list[str]:
    """The lines that tell why a program ended, in order; where no line is an error the last few,
    unless `errors_only`."""
    excerpt: list[str] = []
    at = 0
    while at < len(lines):
        if lines[at].startswith(TRACEBACK):
            place, exception, at = _traceback(lines, at + 1)
            excerpt += [line for line in (place, exception) if line]
            continue
        if is_error(lines[at]):
            excerpt.append(lines[at])
        at += 1
    if not excerpt and not errors_only:
        excerpt = list(lines[-FEW:])
    return [line.strip()[:LONGEST] for line in excerpt[-MOST:]]


def last_error(lines: Sequence[str]) -> str:
    """The line of an excerpt that says it best: the last error, else the last line."""
    errors = [line for line in lines if is_error(line)]
    return (errors or list(lines) or [""])[-1]


def error_with_place(output: Sequence[str], root: str) -> str:
    """The error in `output`, after the file below `root` and the line it comes from."""
    excerpt = crash_excerpt(output)
    error = last_error(excerpt)
    # A file that cannot even be read as code is named without a traceback around it.
    places = [place for line in excerpt if (place := PLACED.match(line))] or [
        place for line in output if (place := PLACED.match(line.strip()))
    ]
    if not places:
        return error
    place = places[-1]
    return f"{place['file'].removeprefix(root + '/')} line {place['line']}: {error}"


def broken_code(error: BaseException, root: str) -> str:
    """An error of code that cannot be loaded, after the file below `root` and the line."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return error_with_place(lines, root)


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
