"""What a database says when it fails, as the code and the sentence that people are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from proxy.timeline.location import Location
from proxy.timeline.trouble import Problem, StoreTrouble

SIGNS: tuple[tuple[str, Problem], ...] = (
    ("database is locked", "locked"),
    ("database table is locked", "locked"),
    ("LockNotAvailable", "locked"),
    ("TimeoutError", "locked"),
    ("database or disk is full", "disk-full"),
    ("DiskFull", "disk-full"),
    ("No space left", "disk-full"),
    ("readonly database", "not-writable"),
    ("ReadOnlySQLTransaction", "not-writable"),
    ("Read-only file system", "not-writable"),
    ("Permission denied", "not-writable"),
    ("unable to open database file", "not-writable"),
    ("disk I/O error", "not-writable"),
    ("Is a directory", "not-writable"),
    ("Not a directory", "not-writable"),
    ("File exists", "not-writable"),
    ("Connect call failed", "not-writable"),
    ("ConnectionRefusedError", "not-writable"),
    ("InvalidPassword", "not-writable"),
    ("InsufficientPrivilege", "not-writable"),
)
NEXT: dict[Problem, str] = {
    "locked": "Find the program that holds it (`fuser` or `lsof` of the file tells) and end it",
    "disk-full": "Make room on that disk",
    "not-writable": "Make it writable for the user who runs the proxy",
    "other": "See the error",
}


@contextmanager
def as_trouble(location: Location) -> Iterator[None]:
    """Whatever the database raises within, as `StoreTrouble`."""
    try:
        yield
    except StoreTrouble:
        raise
    except Exception as error:
        raise trouble_of(error, location) from error


def trouble_of(error: Exception, location: Location) -> StoreTrouble:
    """`error` of the database at `location`, told."""
    said = _said(error)
    found: list[Problem] = [meant for sign, meant in SIGNS if sign.lower() in said.lower()]
    problem = found[0] if found else "other"
    advice = NEXT[problem]
    if location.path is None and problem in ("locked", "not-writable"):
        advice = "Start or unlock that server"
    return StoreTrouble(
        problem,
        f"the calls database {location.shown} cannot be written ({said}). {advice}, or set "
        f"{location.setting} to another place; until then calls are only kept in memory",
    )


def _said(error: Exception) -> str:
    """Class and words of the driver's own error, on one line."""
    cause: BaseException = getattr(error, "orig", None) or error
    while type(cause).__module__.startswith("sqlalchemy") and cause.__cause__ is not None:
        cause = cause.__cause__
    text = " ".join(str(cause).split())[:300]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
