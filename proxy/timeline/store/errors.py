"""What a calls database fails with: the driver's error as a code and as a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from proxy.timeline.store.database import DatabaseUrl

Problem = Literal["not-writable", "locked", "disk-full", "other"]

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


class StoreError(Exception):
    """The calls database cannot be used; `detail` says which, why and what to do next."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem: Problem = problem
        self.detail = detail

    @property
    def sentence(self) -> str:
        """`detail` as a whole sentence."""
        return f"{self.detail[:1].upper()}{self.detail[1:]}."


@contextmanager
def as_store_error(url: DatabaseUrl) -> Iterator[None]:
    """Whatever the database raises within, as `StoreError`."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise store_error_of(error, url) from error


def store_error_of(error: Exception, url: DatabaseUrl) -> StoreError:
    """`error` of the database at `url`, in words."""
    words = _driver_words(error)
    problem: Problem = next(
        (problem for sign, problem in SIGNS if sign.lower() in words.lower()), "other"
    )
    advice = NEXT[problem]
    if url.path is None and problem in ("locked", "not-writable"):
        advice = "Start or unlock that server"
    return StoreError(
        problem,
        f"the calls database {url.shown} cannot be written ({words}). {advice}, or set "
        f"{url.setting} to another place; until then calls are only kept in memory",
    )


def _driver_words(error: Exception) -> str:
    """Class and words of the driver's own error, on one line."""
    cause: BaseException = getattr(error, "orig", None) or error
    while type(cause).__module__.startswith("sqlalchemy") and cause.__cause__ is not None:
        cause = cause.__cause__
    text = " ".join(str(cause).split())[:300]
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
