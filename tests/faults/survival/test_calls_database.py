"""The calls database cannot be written during a call: the call goes on, and is kept afterwards."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.call import Call
from tests.faults.survival.bookkeeping import COMPLETE_WITHIN_S, is_complete, is_well, kept
from tests.faults.survival.color import ASKED, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import until
from tests.running_system import System

COMPLETE_GOAL_S = 10.0
LOCKED_S, LOCKED_FULL_S = 5.0, 10.0
NOTICED_S = 10.0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program writes, and does not come to an end."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def deleted(database: Path) -> Iterator[None]:
    """The file is gone, with what belongs to it."""
    _remove(database)
    yield


@contextmanager
def in_the_way(database: Path) -> Iterator[None]:
    """In place of the file there is a folder: none can be made anew."""
    _remove(database)
    database.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(database)


def _remove(database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()


@pytest.mark.parametrize(
    ("told", "broken", "lasting", "lost"),
    [
        ("deleted", deleted, False, "the calls before this one"),
        # A lock is named in tests/faults/test_system_machine.py; the store's own tests write after.
        pytest.param("locked by another program", locked, True, "", marks=pytest.mark.long),
        pytest.param(
            "deleted, a folder in its place",
            in_the_way,
            True,
            "the calls before this one",
            marks=pytest.mark.long,
        ),
    ],
    ids=["deleted", "locked", "in-the-way"],
)
def test_the_calls_database(
    faulty: System,
    new_survival: NewSurvival,
    full: bool,
    told: str,
    broken: Callable[[Path], AbstractContextManager[None]],
    lasting: bool,
    lost: str,
) -> None:
    seconds = LOCKED_FULL_S if full else LOCKED_S
    during = f" for {seconds:g} s" if lasting else ""
    survival = new_survival(f"calls database {told}{during}", COMPLETE_GOAL_S)
    with Call(faulty) as call:
        tells(call)
        with broken(faulty.home / "calls.db"):
            over_at = time.monotonic() + seconds * lasting
            is_remembered(call)
            if lasting:
                until(lambda: names_the_database(call), "the verdict names it", NOTICED_S)
            time.sleep(max(0.0, over_at - time.monotonic()))  # for so long it is broken
        with survival.recovering():
            until(lambda: is_stored(faulty, call), "all is in the file", COMPLETE_WITHIN_S)
        is_complete(faulty, call)
        call.answered(ASKED, spoken=True)
        is_complete(faulty, call)
        is_well(call)
        before = len(kept(faulty, call.room))
    assert before, "nothing is kept"
    if lost:
        survival.lost(lost)
    survival.survived()


def names_the_database(call: Call) -> bool:
    return any(each["cause"] == "calls-db-not-writable" for each in call.ask()["verdicts"])


def is_stored(system: System, call: Call) -> bool:
    """Whether the file itself has each event of the call that the proxy has, and each once."""
    shown = {each["key"] for each in kept(system, call.room)}
    with closing(sqlite3.connect(system.home / "calls.db")) as database:
        try:
            rows = database.execute("SELECT key FROM events WHERE room = ?", (call.room,))
            stored = [key for (key,) in rows]
        except sqlite3.OperationalError:  # it has no tables yet, or is locked
            return False
    assert len(stored) == len(set(stored)), "some are there twice"
    missing = {each["key"] for each in call.caller.events} - set(stored)
    return bool(shown) and not missing and shown <= set(stored)
